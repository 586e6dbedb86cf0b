import type { Fault } from "#base/fault.ts";
import type { Log, LogMeasures, LogReader, LogSnapshot } from "#log/core/log.ts";

interface HeldAppend {
  readonly data: string;
  readonly resolve: (index: Promise<number>) => void;
}

/** A log that can be exchanged for another one while it is followed; appends wait meanwhile. */
export class SwitchableLog implements Log {
  readonly snapshot: LogSnapshot | undefined;
  #log: Log;
  #reader: LogReader | undefined;
  #termMin: number;
  /** Appends that wait for the exchange; undefined when there is none. */
  #held: HeldAppend[] | undefined;
  readonly #underway = new Set<Promise<unknown>>();

  /** The term is at least `termMin`: what a log before this one had. */
  constructor(log: Log, termMin = 0) {
    this.#log = log;
    this.#termMin = termMin;
    this.snapshot = log.snapshot;
  }

  get term(): number {
    return Math.max(this.#log.term, this.#termMin);
  }

  get snapshotIndex(): number {
    return this.#log.snapshotIndex;
  }

  get leads(): boolean {
    return this.#log.leads && this.#held === undefined;
  }

  get fault(): Fault | undefined {
    return this.#log.fault;
  }

  get isCrowded(): boolean {
    return this.#log.isCrowded ?? false;
  }

  get measures(): LogMeasures | undefined {
    return this.#log.measures;
  }

  start(reader: LogReader): void {
    this.#reader = reader;
    this.#log.start(reader);
  }

  append(data: string): Promise<number> {
    if (this.#held === undefined) return this.#track(this.#log.append(data));
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#held.push({ data, resolve });
    return promise;
  }

  saveSnapshot(index: number, chunks: Iterable<string>): Promise<void> {
    return this.#track(this.#log.saveSnapshot(index, chunks));
  }

  /**
   * Goes on with the log that `open` makes, whose snapshot is to be the state at the last delivered entry: after
   * `standStill` nothing is appended until the exchange, or until `open` rejects; then the log is the old one as before.
   * The old one is given back, for the caller to close.
   */
  async switchTo(open: (standStill: () => Promise<void>) => Promise<Log>): Promise<Log> {
    const standStill = async () => {
      this.#held = [];
      while (this.#underway.size > 0) await Promise.allSettled(this.#underway);
    };
    try {
      const next = await open(standStill);
      const old = this.#log;
      this.#termMin = this.term;
      this.#log = next;
      if (this.#reader) next.start(this.#reader);
      return old;
    } finally {
      const held = this.#held ?? [];
      this.#held = undefined;
      for (const { data, resolve } of held) resolve(this.append(data));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#log[Symbol.asyncDispose]());
  }

  #track<T>(work: Promise<T>): Promise<T> {
    const settled = work.then(
      () => void this.#underway.delete(settled),
      () => void this.#underway.delete(settled),
    );
    this.#underway.add(settled);
    return work;
  }
}
