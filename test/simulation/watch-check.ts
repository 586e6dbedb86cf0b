import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import { KeysError } from "#keys/core/keys-error.ts";
import type { Keys } from "#keys/keys.ts";
import type { Ledger } from "./ledger.ts";
import type { Violations } from "./trace.ts";

const WATCH = "3 a watch has no gap, no repeat, and keeps order";
/** How many events a store keeps at least. */
const HISTORY = 1000;
const AGAIN_MS = 500;

/** A plain watcher of a part of the tree, who compares each event with the store's whole sequence. */
export class WatchCheck {
  readonly #keys: Keys;
  readonly #key: string;
  readonly #recursive: boolean;
  readonly #clock: Clock;
  readonly #ledger: Ledger;
  readonly #violations: Violations;
  /** The first index it has not seen; undefined when it has to begin anew. */
  #next: number | undefined;
  /** How far it was behind at most since it last began. */
  #behindMost = 0;
  received = 0;
  restarts = 0;

  constructor(
    watched: { readonly keys: Keys; readonly key: string; readonly recursive: boolean },
    clock: Clock,
    ledger: Ledger,
    violations: Violations,
  ) {
    this.#keys = watched.keys;
    this.#key = watched.key;
    this.#recursive = watched.recursive;
    this.#clock = clock;
    this.#ledger = ledger;
    this.#violations = violations;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        this.#next ??= (await this.#index(signal)) + 1;
        const options = { recursive: this.#recursive, fromIndex: this.#next };
        for await (const event of this.#keys.watch(this.#key, options, signal)) this.#take(event);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof KeysError && error.code === 401) this.#cleared();
        else if (!(error instanceof Fault)) throw error;
      }
      await this.#clock.sleep(AGAIN_MS, signal).catch(() => {});
    }
  }

  /** What it has not been told of yet; to be empty once all is quiet. */
  get missing(): number | undefined {
    return this.#next === undefined ? undefined : this.#due(this.#next, Number.POSITIVE_INFINITY);
  }

  async #index(signal: AbortSignal): Promise<number> {
    try {
      return (await this.#keys.get(this.#key, {}, signal)).etcdIndex;
    } catch (error) {
      if (error instanceof KeysError) return error.index;
      throw error;
    }
  }

  #take(event: KeyEvent): void {
    const next = this.#next ?? 0;
    const { modifiedIndex } = event.node;
    const expected = this.#due(next, modifiedIndex);
    const told = `${event.action} ${event.node.key} at ${modifiedIndex}`;
    if (modifiedIndex !== expected)
      this.#tell(`told ${told}, expected index ${expected ?? "none"} from ${next}`);
    else if (JSON.stringify(event) !== JSON.stringify(this.#ledger.events.get(modifiedIndex)))
      this.#tell(`told ${told} differently`);
    this.#ledger.show(modifiedIndex);
    this.received += 1;
    this.#next = modifiedIndex + 1;
    this.#behindMost = Math.max(this.#behindMost, this.#ledger.index - modifiedIndex);
  }

  /** The index of the next event from `from` on that concerns this watcher. */
  #expected(from: number): number | undefined {
    for (let index = from; index <= this.#ledger.index; index += 1) {
      const event = this.#ledger.events.get(index);
      if (event !== undefined && this.#concerns(event)) return index;
    }
    return undefined;
  }

  /**
   * The index of the next event that it has to be told of, `told` being the one it was. The removal of a directory
   * above is told to who asks for the past, and to who is there only if there was something here, as in etcd.
   */
  #due(from: number, told: number): number | undefined {
    for (let index = this.#expected(from); ; index = this.#expected(index + 1)) {
      if (index === undefined || index >= told) return index;
      const { key } = this.#ledger.events.get(index)!.node;
      if (!this.#key.startsWith(`${key}/`) || this.#ledger.hasAny(this.#key, index - 1))
        return index;
    }
  }

  #concerns({ action, node, prevNode }: KeyEvent): boolean {
    const key = this.#key;
    if (node.key === key) return true;
    const below = key === "/" ? "/" : `${key}/`;
    if (node.key.startsWith(below))
      return this.#recursive && !node.key.slice(below.length - 1).includes("/_");
    const isGone = action === "delete" || action === "expire";
    return isGone && prevNode?.dir === true && key.startsWith(`${node.key}/`);
  }

  #cleared(): void {
    const behind = Math.max(this.#behindMost, this.#ledger.index - (this.#next ?? 0));
    this.#behindMost = 0;
    // Whoever was behind by that much may be told so later.
    if (behind < HISTORY - 1) this.#tell(`401 only ${behind} events behind`);
    this.restarts += 1;
    this.#next = undefined;
  }

  #tell(what: string): void {
    this.#violations.add(WATCH, this.#key, what);
  }
}
