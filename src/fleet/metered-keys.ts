import type { Clock } from "#base/clock.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import { KeysError } from "#keys/core/keys-error.ts";
import type { Keys, Reply } from "#keys/keys.ts";
import type { FleetCounts, StoreOperation } from "./fleet-counts.ts";

/** A view of the store that can be asked to look whether it is still right. */
interface StoreView {
  readonly index: number;
  look(): void;
}

/** Counts what is asked of the store, how long it takes and how often nobody answers; a no is an answer. */
export class MeteredKeys implements Keys {
  readonly #keys: Keys;
  readonly #counts: FleetCounts;
  readonly #clock: Clock;

  #view: StoreView | undefined;

  constructor(keys: Keys, counts: FleetCounts, clock: Clock) {
    this.#keys = keys;
    this.#counts = counts;
    this.#clock = clock;
  }

  /** Tells the view when an answer shows that the store went back behind what it has: a watch would wait for long. */
  watchFor(view: StoreView): void {
    this.#view = view;
  }

  get(...[key, options, signal]: Parameters<Keys["get"]>): Promise<Reply> {
    const operation = options.recursive ? "get_all" : "get";
    return this.#measure(operation, signal, () => this.#keys.get(key, options, signal));
  }

  set(...[key, value, options, signal]: Parameters<Keys["set"]>): Promise<Reply> {
    return this.#measure("set", signal, () => this.#keys.set(key, value, options, signal));
  }

  createInOrder(...[directory, value, options, signal]: Parameters<Keys["createInOrder"]>) {
    return this.#measure("set", signal, () =>
      this.#keys.createInOrder(directory, value, options, signal),
    );
  }

  delete(...[key, options, signal]: Parameters<Keys["delete"]>): Promise<Reply> {
    return this.#measure("set", signal, () => this.#keys.delete(key, options, signal));
  }

  watch(...[key, options, signal]: Parameters<Keys["watch"]>): AsyncIterable<KeyEvent> {
    return this.#keys.watch(key, options, signal);
  }

  async #measure(
    operation: StoreOperation,
    signal: AbortSignal,
    ask: () => Promise<Reply>,
  ): Promise<Reply> {
    const startMs = this.#clock.monotonicMs();
    const before = this.#view?.index ?? 0;
    const heard = (index: number) => {
      if (index > 0 && index < before) this.#view?.look();
    };
    const end = () => this.#counts.asked(operation, (this.#clock.monotonicMs() - startMs) / 1000);
    try {
      const reply = await ask();
      end();
      heard(reply.etcdIndex);
      return reply;
    } catch (error) {
      if (error instanceof KeysError) {
        end();
        heard(error.index);
      } else if (!signal.aborted) this.#counts.askFailed(operation);
      throw error;
    }
  }
}
