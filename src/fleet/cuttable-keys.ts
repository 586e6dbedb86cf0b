import { Fault } from "#base/fault.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import type { Keys, Reply } from "#keys/keys.ts";

/** For tests in real time: a way to the store which can be cut; then every request fails at once, and watches end. */
export class CuttableKeys implements Keys {
  readonly #keys: Keys;
  #alive = new AbortController();

  constructor(keys: Keys) {
    this.#keys = keys;
  }

  cut(): void {
    this.#alive.abort(unreachable());
  }

  mend(): void {
    if (this.#alive.signal.aborted) this.#alive = new AbortController();
  }

  get(...[key, options, signal]: Parameters<Keys["get"]>): Promise<Reply> {
    return this.#through(signal, (s) => this.#keys.get(key, options, s));
  }

  set(...[key, value, options, signal]: Parameters<Keys["set"]>): Promise<Reply> {
    return this.#through(signal, (s) => this.#keys.set(key, value, options, s));
  }

  createInOrder(...[dir, value, options, signal]: Parameters<Keys["createInOrder"]>) {
    return this.#through(signal, (s) => this.#keys.createInOrder(dir, value, options, s));
  }

  delete(...[key, options, signal]: Parameters<Keys["delete"]>): Promise<Reply> {
    return this.#through(signal, (s) => this.#keys.delete(key, options, s));
  }

  async *watch(...[key, options, signal]: Parameters<Keys["watch"]>): AsyncGenerator<KeyEvent> {
    const alive = this.#alive.signal;
    alive.throwIfAborted();
    yield* this.#keys.watch(key, options, AbortSignal.any([signal, alive]));
    signal.throwIfAborted();
    alive.throwIfAborted();
  }

  async #through<T>(signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const alive = this.#alive.signal;
    alive.throwIfAborted();
    const result = await call(AbortSignal.any([signal, alive]));
    alive.throwIfAborted();
    return result;
  }
}

function unreachable(): Fault {
  return new Fault("STORE_UNAVAILABLE", "Cannot ask the store: the link is cut; mend it");
}
