import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#base/fault.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { type KeysClient, openKeysClient } from "#keys/client.ts";
import { ExchangeError } from "#keys/client-exchange.ts";
import { between } from "#test/simulation/pick.ts";
import { checkHistory } from "./check-history.ts";
import { checkWatches } from "./check-watches.ts";
import { listExpiring, touchExpiring } from "./expiring.ts";
import { OperationRecorder, WatchRecorder } from "./record.ts";
import { nextCall } from "./workload.ts";

/** Something that goes wrong; resolves with how to end it. */
export type Strike = (random: Random) => Promise<() => Promise<void>>;

/** Real servers of one store. */
export interface RealStore extends AsyncDisposable {
  readonly urls: readonly string[];
  /** Names which run of a server answers, where a run may begin with an older state than the last one ended with. */
  session(server: number): string;
  readonly strikes: Readonly<Record<string, Strike>>;
  /** How long it is calm before a strike, and how long that lasts, at most. */
  readonly calmMaxMs: number;
  readonly strikeMaxMs: number;
}

export interface RealRunOptions {
  readonly durationMs: number;
  readonly seed: number;
  readonly print?: (line: string) => void;
}

export interface RealReport {
  readonly problems: readonly string[];
  readonly operations: number;
  readonly unknown: number;
  readonly events: number;
  /** How often each went wrong. */
  readonly strikes: Readonly<Record<string, number>>;
}

const CLIENTS_PER_SERVER = 2;
const KEYS_AT_ONCE = 5;
/** Keys are left behind after so many operations, so that a search has few of unknown end. */
const CALLS_PER_KEY_SET = 150;
const REQUEST_TIMEOUT_MS = 3_000;
const TTL_MAX_SECONDS = 5;
const SETTLE_WITHIN_MS = 90_000;

/** Clients at work on every server while things go wrong; then all is to come right, and every answer is checked. */
export async function runReal(store: RealStore, options: RealRunOptions): Promise<RealReport> {
  await using run = new RealRun(store, options);
  return await run.play();
}

class RealRun implements AsyncDisposable {
  readonly #store: RealStore;
  readonly #options: RealRunOptions;
  readonly #random: Random;
  readonly #recorder = new OperationRecorder(isUnsent);
  readonly #watchers: WatchRecorder[] = [];
  readonly #clients: KeysClient[] = [];
  readonly #work: Promise<void>[] = [];
  readonly #working = new AbortController();
  readonly #watching = new AbortController();
  readonly #struck: Record<string, number> = {};
  /** Strikes to come: each once, in any order, before any comes again. */
  #ahead: string[] = [];

  constructor(store: RealStore, options: RealRunOptions) {
    this.#store = store;
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  async play(): Promise<RealReport> {
    for (const server of this.#store.urls.keys()) {
      const watcher = new WatchRecorder(`watcher ${server}`);
      this.#watchers.push(watcher);
      this.#work.push(this.#watch(server, watcher));
      this.#work.push(this.#expire(server));
      for (let at = 0; at < CLIENTS_PER_SERVER; at++) this.#work.push(this.#client(server));
    }
    const endMs = performance.now() + this.#options.durationMs;
    while (performance.now() < endMs) await this.#strike();
    this.#working.abort();
    const problems = await this.#settle();
    const { history } = this.#recorder;
    const records = this.#watchers.flatMap((watcher) => watcher.records);
    problems.push(...checkHistory(history), ...checkWatches(records, history));
    return {
      problems,
      operations: history.length,
      unknown: history.filter(({ answer }) => answer.kind === "unknown").length,
      events: records.reduce((sum, { events }) => sum + events.length, 0),
      strikes: this.#struck,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#working.abort();
    this.#watching.abort();
    await Promise.allSettled(this.#work);
    for (const client of this.#clients) await client[Symbol.asyncDispose]();
  }

  async #strike(): Promise<void> {
    await sleep(between(this.#random, 0.1, 1) * this.#store.calmMaxMs);
    if (this.#ahead.length === 0)
      this.#ahead = shuffled(this.#random, Object.keys(this.#store.strikes));
    const name = this.#ahead.pop()!;
    this.#struck[name] = (this.#struck[name] ?? 0) + 1;
    this.#options.print?.(`${name} after ${this.#recorder.history.length} operations`);
    const heal = await this.#store.strikes[name]!(this.#random);
    await sleep(between(this.#random, 0.05, 1) * this.#store.strikeMaxMs);
    await heal();
  }

  /** Every server has to take a write again and to show the same tree. */
  async #settle(): Promise<string[]> {
    const limit = AbortSignal.timeout(SETTLE_WITHIN_MS);
    const problems: string[] = [];
    const clients = this.#store.urls.map((url) => this.#open(url));
    for (const [server, keys] of clients.entries()) {
      const asked = { keys, session: this.#store.session(server), key: `/last${server}` };
      while (!(await this.#recorder.run({ ...asked, call: { op: "set", value: "last" } }, limit))) {
        if (limit.aborted) return [`server ${server} does not write when all is well`];
        await sleep(200);
      }
    }
    for (const keys of clients)
      while ((await listExpiring(keys, limit)).length > 0) await sleep(200);
    await sleep(500); // for what is still under way to the watchers
    this.#watching.abort();
    await Promise.allSettled(this.#work);
    const trees = new Set<string>();
    for (const keys of clients) {
      const tree = await keys.get("/", { recursive: true, sorted: true, quorum: true }, limit);
      trees.add(JSON.stringify(tree));
      const plain = await keys.get("/", { recursive: true, sorted: true }, limit);
      trees.add(JSON.stringify(plain));
    }
    if (trees.size > 1) problems.push(`servers show different trees: ${[...trees].join("\n")}`);
    return problems;
  }

  async #client(server: number): Promise<void> {
    const { signal } = this.#working;
    const keys = this.#open(this.#store.urls[server]!);
    while (!signal.aborted) {
      const { calls } = this.#recorder;
      const key = `/${Math.floor(calls / CALLS_PER_KEY_SET)}-${Math.floor(this.#random() * KEYS_AT_ONCE)}`;
      const call = nextCall(this.#random, calls, this.#recorder.lastSeen(key));
      const asked = { keys, session: this.#store.session(server), key, call };
      const isAnswered = await this.#recorder.run(asked, new AbortController().signal);
      await sleep(between(this.#random, 0, isAnswered ? 10 : 100));
    }
  }

  /** Keeps keys coming that end by themselves. */
  async #expire(server: number): Promise<void> {
    const { signal } = this.#working;
    const keys = this.#open(this.#store.urls[server]!);
    while (!signal.aborted) {
      await touchExpiring(keys, this.#random, TTL_MAX_SECONDS, new AbortController().signal);
      await sleep(between(this.#random, 0, 300));
    }
  }

  async #watch(server: number, watcher: WatchRecorder): Promise<void> {
    const { signal } = this.#watching;
    const keys = this.#open(this.#store.urls[server]!);
    while (!signal.aborted) {
      await watcher.follow(keys, signal);
      await sleep(100);
    }
  }

  #open(url: string): KeysClient {
    const client = openKeysClient({
      endpoints: [url],
      requestTimeoutMs: REQUEST_TIMEOUT_MS,
      idleMs: 1_000,
    });
    this.#clients.push(client);
    return client;
  }
}

function shuffled<T>(random: Random, from: readonly T[]): T[] {
  const rest = [...from];
  return from.map(() => rest.splice(Math.floor(random() * rest.length), 1)[0]!);
}

/** No server got the request. */
function isUnsent(error: unknown): boolean {
  if (!(error instanceof Fault) || !(error.cause instanceof AggregateError)) return false;
  return error.cause.errors.every((cause) => cause instanceof ExchangeError && !cause.sent);
}
