import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import type { Log, LogEntry, LogReader, LogSnapshot } from "#log/core/log.ts";

/** What a crash leaves: the disk of a simulated machine. */
export class MemoryDisk {
  snapshot: LogSnapshot | undefined;
  /** Durable entries, those behind the snapshot dropped. */
  entries: LogEntry[] = [];
  opened = 0;
  /** Writes fail from now on, as on a full disk. */
  isFull = false;

  get lastIndex(): number {
    return this.entries.at(-1)?.index ?? this.snapshot?.index ?? 0;
  }
}

export interface MemoryLogOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** A write takes up to so long, by `clock`; 0: it is done in the same turn of the event loop. */
  readonly delayMaxMs: number;
}

interface Append {
  readonly data: string;
  readonly resolve: (index: number) => void;
  readonly reject: (fault: Fault) => void;
}

/** The log for simulation: durable on a MemoryDisk, with delays, crashes and failing writes. */
export class MemoryLog implements Log {
  readonly snapshot: LogSnapshot | undefined;
  readonly term: number;
  readonly leads = true;
  readonly #disk: MemoryDisk;
  readonly #options: MemoryLogOptions;
  readonly #end = new AbortController();
  #pending: Append[] = [];
  #committing: Promise<void> | undefined;
  #reader: LogReader | undefined;
  #failure: Fault | undefined;

  constructor(disk: MemoryDisk, options: MemoryLogOptions) {
    this.#disk = disk;
    this.#options = options;
    this.snapshot = disk.snapshot;
    disk.opened += 1;
    this.term = disk.opened + 1;
  }

  get snapshotIndex(): number {
    return this.#disk.snapshot?.index ?? 0;
  }

  get fault(): Fault | undefined {
    return this.#failure;
  }

  start(reader: LogReader): void {
    this.#reader = reader;
    if (this.#disk.entries.length > 0) reader.deliver([...this.#disk.entries]);
  }

  append(data: string): Promise<number> {
    if (this.#failure) return Promise.reject(this.#failure);
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#pending.push({ data, resolve, reject });
    this.#committing ??= this.#commitAll();
    return promise;
  }

  async saveSnapshot(index: number, chunks: Iterable<string>): Promise<void> {
    const saved: string[] = [];
    for (const chunk of chunks) {
      saved.push(chunk);
      await this.#delay();
      if (this.#failure) throw this.#failure;
      if (this.#disk.isFull) throw diskFull();
    }
    this.#disk.snapshot = { index, chunks: saved };
    this.#disk.entries = this.#disk.entries.filter((entry) => entry.index > index);
  }

  /** Ends this log as a power cut does: of what was not acknowledged any first part may stay. */
  crash(): void {
    if (this.#end.signal.aborted) return;
    const kept = Math.floor(this.#options.random() * (this.#pending.length + 1));
    this.#writeDown(this.#pending.slice(0, kept));
    this.#stop(gone());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#committing;
    this.#stop(gone());
  }

  async #commitAll(): Promise<void> {
    await this.#delay();
    while (this.#pending.length > 0 && !this.#failure) {
      const batch = this.#pending;
      this.#pending = [];
      if (this.#disk.isFull) {
        this.#pending = batch;
        this.#stop(diskFull());
        break;
      }
      const entries = this.#writeDown(batch);
      this.#reader?.deliver(entries);
      batch.forEach((append, at) => append.resolve(entries[at]?.index ?? 0));
      if (this.#pending.length > 0) await this.#delay();
    }
    this.#committing = undefined;
  }

  #writeDown(batch: readonly Append[]): LogEntry[] {
    const next = this.#disk.lastIndex + 1;
    const entries = batch.map(({ data }, at) => ({ index: next + at, data }));
    this.#disk.entries.push(...entries);
    return entries;
  }

  #stop(fault: Fault): void {
    this.#failure ??= fault;
    this.#end.abort(this.#failure);
    for (const append of this.#pending) append.reject(this.#failure);
    this.#pending = [];
  }

  async #delay(): Promise<void> {
    const { clock, random, delayMaxMs } = this.#options;
    if (delayMaxMs === 0) await Promise.resolve();
    // An abort only means that there is nothing to wait for any more.
    else await clock.sleep(random() * delayMaxMs, this.#end.signal).catch(() => {});
  }
}

function gone(): Fault {
  return new Fault(
    "STORE_UNAVAILABLE",
    "Cannot append to the log: it is closed; whether a write under way happened is unknown",
  );
}

function diskFull(): Fault {
  return new Fault("LOG_IO", "Cannot append to the log: the simulated disk is full");
}
