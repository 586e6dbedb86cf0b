import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { Keys } from "#keys/keys.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { LocalKeys } from "#keys/local-keys.ts";
import type { Log } from "#log/core/log.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";
import type { StoreEnd } from "./simulated-link.ts";

export interface SimulatedStoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly snapshotEvery?: number;
  /** What the server gets in place of its log. */
  readonly wrapLog?: (log: Log) => Log;
}

/** The store's machine: a disk that stays, and a server on it that can be ended, crash and be started again. */
export class SimulatedStore implements StoreEnd, AsyncDisposable {
  readonly disk = new MemoryDisk();
  /** How far its wall clock is ahead of the simulation's. */
  skewMs = 0;
  /** How long a write takes at most. */
  readonly speed = { delayMaxMs: 2 };
  readonly #options: SimulatedStoreOptions;
  #isEnding = false;
  #up: { readonly server: KeysServer; readonly log: MemoryLog; readonly keys: Keys } | undefined;

  constructor(options: SimulatedStoreOptions) {
    this.#options = options;
    this.start();
  }

  get keys(): Keys | undefined {
    return this.#up?.keys;
  }

  get server(): KeysServer | undefined {
    return this.#up?.server;
  }

  get etcdIndex(): number {
    return this.#up?.server.etcdIndex ?? 0;
  }

  /** Starts a server on what the disk holds. */
  start(): void {
    if (this.#up !== undefined || this.#isEnding) throw new Error("a server has the disk already");
    const { random, snapshotEvery, wrapLog = (log) => log } = this.#options;
    const clock = this.#clock();
    const log = new MemoryLog(this.disk, this.#logOptions(clock));
    const every = snapshotEvery === undefined ? {} : { snapshotEvery };
    const server = new KeysServer(wrapLog(log), { clock, random, ...every, onFault: () => {} });
    this.#up = { server, log, keys: new LocalKeys(server) };
  }

  /** All that it holds, as a backup. */
  backup(): Pick<MemoryDisk, "snapshot" | "entries"> {
    return { snapshot: this.disk.snapshot, entries: [...this.disk.entries] };
  }

  /** Ends the server, and starts one on what was backed up. */
  async restore({ snapshot, entries }: ReturnType<SimulatedStore["backup"]>): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.disk.snapshot = snapshot;
    this.disk.entries = [...entries];
    this.start();
  }

  /** Ends the server as a power cut does: any part of what was not yet acknowledged may be lost. */
  async crash(): Promise<void> {
    const up = this.#up;
    this.#up = undefined;
    up?.log.crash();
    await up?.server[Symbol.asyncDispose]();
  }

  /** Ends the server as its service does: it writes what it was asked to, and answers nobody any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    const up = this.#up;
    this.#up = undefined;
    this.#isEnding = true;
    await up?.server[Symbol.asyncDispose]();
    this.#isEnding = false;
  }

  #logOptions(clock: Clock): ConstructorParameters<typeof MemoryLog>[1] {
    const { speed } = this;
    return {
      clock,
      random: this.#options.random,
      get delayMaxMs() {
        return speed.delayMaxMs;
      },
    };
  }

  #clock(): Clock {
    const { clock } = this.#options;
    return {
      monotonicMs: () => clock.monotonicMs(),
      now: () => new Date(clock.now().getTime() + this.skewMs),
      sleep: (ms, signal) => clock.sleep(ms, signal),
    };
  }
}
