import assert from "node:assert/strict";
import type { Agent, IncomingMessage } from "node:http";
import { type Ask, begin, bodyOf, headOf, type Oracle } from "#keys/oracle.ts";

const LIMIT_MS = 20_000;

/** A watch on both servers, begun when both have said that it stands. */
export class WatchPair {
  readonly ask: Ask;
  readonly #oracle: Oracle;
  readonly #messages: readonly IncomingMessage[];
  readonly #bodies: readonly Promise<string>[];
  readonly #isAnswered: [boolean, boolean] = [false, false];

  private constructor(oracle: Oracle, ask: Ask, messages: readonly IncomingMessage[]) {
    this.#oracle = oracle;
    this.ask = ask;
    this.#messages = messages;
    this.#bodies = messages.map(bodyOf);
    for (const [at, body] of this.#bodies.entries())
      body.then(
        () => (this.#isAnswered[at] = true),
        () => {},
      );
  }

  static async begin(oracle: Oracle, ask: Ask, own: Agent): Promise<WatchPair> {
    const heads = oracle.urls.map((url) => begin(url, ask, own));
    return new WatchPair(oracle, ask, await Promise.all(heads));
  }

  get isAnswered(): boolean {
    return this.#isAnswered[1];
  }

  /** Whether both have answered, or neither. */
  get isLevel(): boolean {
    return this.#isAnswered[0] === this.#isAnswered[1];
  }

  async check(ttl: boolean): Promise<void> {
    const limit = AbortSignal.timeout(LIMIT_MS);
    limit.addEventListener("abort", () => this.#messages[0]?.destroy(), { once: true });
    const [theirs, mine] = this.#messages.map(headOf);
    assert.ok(theirs && mine);
    const [theirBody = "", myBody = ""] = await Promise.all(this.#bodies);
    this.#oracle.assertEqual(
      this.ask,
      [
        { ...theirs, body: theirBody },
        { ...mine, body: myBody },
      ],
      { ttl },
    );
  }

  end(): void {
    for (const message of this.#messages) message.destroy();
  }
}
