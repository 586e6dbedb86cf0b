import type { Clock } from "#base/clock.ts";
import type { Keys } from "#keys/keys.ts";
import type { Systemd } from "#systemd/systemd.ts";
import type { MachineProbe } from "./machine-probe.ts";
import { IGNORED, type OnBite } from "./simulated-bite.ts";
import type { UnitFiles } from "./unit-files.ts";

/** Ends a process at one of its writes, which then just happened, or just did not. */
export interface Fuse {
  /** How many writes it has yet to make. */
  writes: number;
  readonly isDone: boolean;
  readonly burn: () => void;
}

/**
 * A process as the world sees it: it can be paused, as by SIGSTOP, and killed, as by SIGKILL. Everything that comes
 * to its code from outside (time, answers, events) goes through here: while paused it waits, once killed it fails,
 * and nothing that the code still asks for gets out.
 */
export class SimulatedProcess {
  #paused: PromiseWithResolvers<void> | undefined;
  #isKilled = false;
  readonly #onBite: OnBite;
  fuse: Fuse | undefined;

  constructor(onBite: OnBite = IGNORED) {
    this.#onBite = onBite;
  }

  get isPaused(): boolean {
    return this.#paused !== undefined;
  }

  get isKilled(): boolean {
    return this.#isKilled;
  }

  pause(): void {
    if (!this.#isKilled) this.#paused ??= Promise.withResolvers<void>();
  }

  resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  /** Whoever waits inside has to be aborted besides. */
  kill(): void {
    this.#isKilled = true;
    this.resume();
  }

  /** What comes in reaches the code now or when it goes on. */
  async enter(signal: AbortSignal): Promise<void> {
    while (this.#paused !== undefined) {
      this.#onBite("answer held by a pause");
      const { promise, resolve } = Promise.withResolvers<void>();
      const abort = () => resolve();
      signal.addEventListener("abort", abort, { once: true });
      await Promise.race([this.#paused.promise, promise]);
      signal.removeEventListener("abort", abort);
      signal.throwIfAborted();
    }
    this.leave();
  }

  /** Checked before anything goes out. */
  leave(): void {
    if (this.#isKilled) throw new Error("the simulated process was killed");
  }

  /**
   * Goes on by the machine's clock, but for what it is woken for. `aheadMs` is how far its wall clock is ahead, `rate`
   * how many seconds its monotonic clock counts in a second.
   */
  clock(clock: Clock, aheadMs: () => number, rate = 1): Clock {
    return {
      monotonicMs: () => clock.monotonicMs() * rate,
      now: () => new Date(clock.now().getTime() + aheadMs()),
      sleep: (ms, signal) => this.#call(signal, () => clock.sleep(ms / rate, signal)),
    };
  }

  keys(keys: Keys): Keys {
    return {
      get: (key, options, signal) => this.#call(signal, () => keys.get(key, options, signal)),
      set: (key, value, options, signal) =>
        this.#write(signal, () => keys.set(key, value, options, signal)),
      createInOrder: (dir, value, options, signal) =>
        this.#write(signal, () => keys.createInOrder(dir, value, options, signal)),
      delete: (key, options, signal) =>
        this.#write(signal, () => keys.delete(key, options, signal)),
      watch: (key, options, signal) => {
        this.leave();
        return this.#entering(keys.watch(key, options, signal), signal);
      },
    };
  }

  systemd(systemd: Systemd): Systemd {
    return {
      reload: (signal) => this.#call(signal, () => systemd.reload(signal)),
      isCurrent: (name, signal) => this.#call(signal, () => systemd.isCurrent(name, signal)),
      list: (signal) => this.#call(signal, () => systemd.list(signal)),
      enableUnitFiles: (names, options, signal) =>
        this.#write(signal, () => systemd.enableUnitFiles(names, options, signal)),
      linkUnitFiles: (names, signal) =>
        this.#write(signal, () => systemd.linkUnitFiles(names, signal)),
      unlinkUnitFiles: (names, signal) =>
        this.#write(signal, () => systemd.unlinkUnitFiles(names, signal)),
      status: (names, signal) => this.#call(signal, () => systemd.status(names, signal)),
      outcome: (name, signal) => this.#call(signal, () => systemd.outcome(name, signal)),
      startUnit: (name, signal) => this.#write(signal, () => systemd.startUnit(name, signal)),
      stopUnit: (name, signal) => this.#write(signal, () => systemd.stopUnit(name, signal)),
      startTransientUnit: (name, service, signal) =>
        this.#write(signal, () => systemd.startTransientUnit(name, service, signal)),
      extendLease: (untilMs, signal) =>
        this.#write(signal, () => systemd.extendLease(untilMs, signal)),
      restartUnit: (name, signal) => this.#call(signal, () => systemd.restartUnit(name, signal)),
      reloadUnit: (name, signal) => this.#call(signal, () => systemd.reloadUnit(name, signal)),
      resetFailed: (name, signal) => this.#call(signal, () => systemd.resetFailed(name, signal)),
      changes: (signal) => this.#entering(systemd.changes(signal), signal),
      [Symbol.asyncDispose]: () => systemd[Symbol.asyncDispose](),
    };
  }

  probe(probe: MachineProbe): MachineProbe {
    return {
      ask: (api, question, signal) => this.#call(signal, () => probe.ask(api, question, signal)),
    };
  }

  /** Only the dead are kept from it. */
  files(files: UnitFiles): UnitFiles {
    const alive = async <T>(call: () => Promise<T>): Promise<T> => {
      this.leave();
      return call();
    };
    const writes = async (call: () => Promise<void>) => this.#burning(call);
    return {
      path: (name) => files.path(name),
      list: () => alive(() => files.list()),
      write: (name, raw, dropIn) => writes(() => files.write(name, raw, dropIn)),
      remove: (name) => writes(() => files.remove(name)),
      readLease: () => alive(() => files.readLease()),
      writeLease: (record) => writes(() => files.writeLease(record)),
      writeToken: (name, token) => writes(() => files.writeToken(name, token)),
      readStore: () => alive(() => files.readStore()),
      writeStore: (record) => writes(() => files.writeStore(record)),
      readLaunched: () => alive(() => files.readLaunched()),
      writeLaunched: (record) => writes(() => files.writeLaunched(record)),
    };
  }

  async *#entering<T>(stream: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
    for await (const item of stream) {
      await this.enter(signal);
      yield item;
    }
  }

  #write<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    return this.#call(signal, () => this.#burning(call));
  }

  /** A write, unless the process ends at it. */
  #burning<T>(call: () => Promise<T>): Promise<T> {
    this.leave();
    const { fuse } = this;
    if (fuse === undefined || (fuse.writes -= 1) > 0) return call();
    this.fuse = undefined;
    this.#onBite("died in a write");
    const done = fuse.isDone ? call() : undefined;
    done?.catch(() => {}); // nobody is there to hear of it
    fuse.burn();
    this.leave();
    return done ?? call();
  }

  async #call<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    this.leave();
    try {
      return await call();
    } finally {
      await this.enter(signal);
    }
  }
}
