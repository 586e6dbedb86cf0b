import * as v from "valibot";
import { type Parsed, readJson } from "./records.ts";

/** How long it is waited for machines to tell what they run, before what nobody told of is started; milliseconds. */
export const SETTLE_MS = 18_000;

/**
 * What is remembered of the store having gone back in time. Keys that nobody wrote since are as old as the backup: they
 * say what was wanted then, and nothing is stopped or moved on their word alone. Belongs to the model of the cluster, which
 * shows of what would take something away only what was said since.
 */
export class RestoredStore {
  readonly #indexOf: (key: string) => number | undefined;
  #index: number | undefined;
  #beganMs = Number.NEGATIVE_INFINITY;
  /** Keys that were seen to be written or removed since. */
  readonly #news = new Set<string>();

  /** `indexOf` tells when a key that is there was written last. */
  constructor(indexOf: (key: string) => number | undefined = () => undefined) {
    this.#indexOf = indexOf;
  }

  /** The store's index when it was found restored; undefined while it never was. */
  get index(): number | undefined {
    return this.#index;
  }

  /** When that was, by the monotonic clock, in milliseconds. */
  get beganMs(): number {
    return this.#beganMs;
  }

  /** When the wait for what machines run is over, by the monotonic clock. */
  get settlesMs(): number {
    return this.#beganMs + SETTLE_MS;
  }

  /** The store is found restored, with an index of so much, or was at that time before this daemon began. */
  begin(index: number, beganMs: number): void {
    this.#index = index;
    this.#beganMs = beganMs;
    this.#news.clear();
  }

  /**
   * Somebody noted that the store was restored with an index of so much. Who was told of the same earlier than this daemon
   * found it out heard more since: what was written between counts as said. Gives whether that is news here.
   */
  learn(index: number, nowMs: number): boolean {
    if (this.#index === index) return false;
    if (this.#index === undefined || this.#index < index) this.begin(index, nowMs);
    else this.#index = index;
    return true;
  }

  /** The key was written or removed at this index. */
  heard(key: string, index: number): void {
    if (this.#index !== undefined && index > this.#index) this.#news.add(key);
  }

  /** Whether what the key says, or that it is not there, is only the backup's word. */
  isOld(key: string): boolean {
    return (
      this.#index !== undefined && !this.#news.has(key) && this.isOldAt(this.#indexOf(key) ?? 0)
    );
  }

  /** The same of a key that is there and was written at this index. */
  isOldAt(index: number): boolean {
    return this.#index !== undefined && index <= this.#index;
  }

  /** Whether any key that begins so was written or removed since. */
  heardUnder(prefix: string): boolean {
    return [...this.#news].some((key) => key.startsWith(prefix));
  }
}

const NoteWire = v.object({ index: v.pipe(v.number(), v.integer(), v.minValue(0)) });

/** What a daemon notes for others that the store was restored with: its index then. */
export function readRestoredNote(json: string): Parsed<number> {
  return readJson(NoteWire, json, ({ index }) => index);
}

export function writeRestoredNote(index: number): string {
  return JSON.stringify({ index });
}

/** Whether it is noted already, with this index or an earlier one. */
export function isNotedBefore(json: string, index: number): boolean {
  const noted = readRestoredNote(json);
  return "value" in noted && noted.value <= index;
}
