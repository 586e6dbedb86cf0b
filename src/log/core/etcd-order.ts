import { decodeBatch } from "#log/core/etcd-batch.ts";
import type { EtcdNames } from "#log/core/etcd-names.ts";
import type { LogEntry } from "#log/core/log.ts";

/** The first revision that is not wholly part of something, and how many of its entries are. */
export interface Place {
  readonly revision: number;
  readonly skip: number;
}

/** Where a snapshot is, and what it stands for. */
export interface Pointer {
  readonly id: string;
  readonly index: number;
  readonly from: Place;
  /** Values that hold its chunks, and their checksum. */
  readonly values: number;
  readonly crc: number;
}

export interface LogPut {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
}

export type Taken =
  | { readonly kind: "batch"; readonly batch: string; readonly entries: readonly LogEntry[] }
  | { readonly kind: "pointer" }
  | { readonly kind: "nothing" };

/** The newest batch that was read. */
export interface LastBatch {
  readonly key: string;
  readonly revision: number;
}

/** What etcd holds now; revisions of keys that are not there are 0. */
export interface Standing {
  readonly revision: number;
  readonly pointerRevision: number;
  readonly lastBatchRevision: number;
}

interface Batch {
  readonly revision: number;
  readonly firstIndex: number;
  readonly count: number;
}

const NOTHING: Taken = { kind: "nothing" };

/**
 * Makes entries with indices of what was put under the log's range, in the order of revisions: equal on every server,
 * since an index only counts the entries that are put ahead of it. One revision puts one key of the range.
 */
export class EtcdOrder {
  readonly #names: EtcdNames;
  #revision = 0;
  #index: number;
  #pointer: Pointer | undefined;
  #pointerRevision: number;
  /** Parts whose batch is yet to come. */
  readonly #parts = new Map<string, Uint8Array[]>();
  /** Those behind the snapshot, oldest first. */
  #batches: Batch[] = [];
  #lastBatch: LastBatch | undefined;

  /** @param pointer the snapshot from which it goes on, put at `pointerRevision`. */
  constructor(names: EtcdNames, pointer?: Pointer, pointerRevision = 0) {
    this.#names = names;
    this.#pointer = pointer;
    this.#pointerRevision = pointerRevision;
    this.#index = pointer?.index ?? 0;
  }

  /** Every put up to this revision was taken. */
  get revision(): number {
    return this.#revision;
  }

  /** Of the last entry. */
  get index(): number {
    return this.#index;
  }

  get pointer(): Pointer | undefined {
    return this.#pointer;
  }

  /** 0 when there is no snapshot. Who appends says this: nothing is appended in ignorance of a newer snapshot. */
  get pointerRevision(): number {
    return this.#pointerRevision;
  }

  get lastBatch(): LastBatch | undefined {
    return this.#lastBatch;
  }

  /** How etcd contradicts what was read from it, as when it was restored from an older copy; undefined when it does not. */
  contradiction(now: Standing): string | undefined {
    const { revision, pointerRevision, lastBatchRevision } = now;
    if (revision < this.#revision)
      return `it is at revision ${revision}, but was read up to ${this.#revision}`;
    if (pointerRevision < this.#pointerRevision)
      return `its snapshot is older than the one that was read at revision ${this.#pointerRevision}`;
    const readRevision = this.#lastBatch?.revision ?? 0;
    const isThere = lastBatchRevision === readRevision;
    const isTrimmed = lastBatchRevision === 0 && pointerRevision > readRevision;
    return isThere || isTrimmed
      ? undefined
      : `what was read at revision ${readRevision} is not there any more`;
  }

  /** There is nothing more to take up to `revision`. */
  passed(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
  }

  /** @throws {RangeError} when what was put cannot be understood, or contradicts what was taken. */
  take({ key, value, revision }: LogPut): Taken {
    if (revision <= this.#revision) return NOTHING;
    const name = this.#names.read(key);
    this.#revision = revision;
    switch (name.kind) {
      case "snapshot":
        this.#takePointer(parsePointer(value), revision);
        return { kind: "pointer" };
      case "part": {
        const parts = this.#parts.get(name.batch);
        if (parts) parts.push(value);
        else this.#parts.set(name.batch, [value]);
        return NOTHING;
      }
      case "batch":
        return this.#takeBatch(key, value, revision);
      default:
        return name satisfies never;
    }
  }

  /** What a snapshot at `index` has to say of where the entries behind it begin; undefined when that is not known. */
  place(index: number): Place | undefined {
    if (index === (this.#pointer?.index ?? 0))
      return this.#pointer?.from ?? { revision: 0, skip: 0 };
    let low = 0;
    let high = this.#batches.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const batch = this.#batches[middle];
      if (batch === undefined) return undefined;
      const skip = index - batch.firstIndex + 1;
      if (skip <= 0) high = middle - 1;
      else if (skip > batch.count) low = middle + 1;
      else if (skip === batch.count) return { revision: batch.revision + 1, skip: 0 };
      else return { revision: batch.revision, skip };
    }
    return undefined;
  }

  #takeBatch(batch: string, value: Uint8Array, revision: number): Taken {
    const parts = this.#parts.get(batch) ?? [];
    this.#parts.delete(batch);
    const from = this.#pointer?.from;
    // Only a listing has such: the snapshot stands for them, and somebody is about to drop them.
    if (from !== undefined && revision < from.revision) return NOTHING;
    this.#lastBatch = { key: batch, revision };
    const texts = decodeBatch([...parts, value]);
    const skip = from?.revision === revision ? from.skip : 0;
    const first = this.#index + 1;
    const entries = texts.slice(skip).map((data, at) => ({ index: first + at, data }));
    this.#index += entries.length;
    this.#batches.push({ revision, firstIndex: first - skip, count: texts.length });
    return { kind: "batch", batch, entries };
  }

  #takePointer(pointer: Pointer, revision: number): void {
    const place = this.place(pointer.index);
    if (place?.revision !== pointer.from.revision || place.skip !== pointer.from.skip)
      throw new RangeError(
        `the snapshot at entry ${pointer.index} stands for other entries than those that were read up to ${this.#index}`,
      );
    this.#pointer = pointer;
    this.#pointerRevision = revision;
    this.#batches = this.#batches.filter(
      (batch) => batch.firstIndex + batch.count - 1 > pointer.index,
    );
    this.#parts.clear(); // ahead of a new snapshot they never get their batch: who put them begins again (EtcdWriter)
  }
}

export function encodePointer(pointer: Pointer): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(pointer));
}

/** @throws {RangeError} */
export function parsePointer(value: Uint8Array): Pointer {
  const text = new TextDecoder().decode(value);
  const { id, index, from, values, crc } = JSON.parse(text) as Partial<Pointer>;
  const numbers = [index, from?.revision, from?.skip, values, crc];
  if (typeof id !== "string" || from === undefined || !numbers.every(Number.isSafeInteger))
    throw new RangeError(`the snapshot's pointer says ${text.slice(0, 200)}`);
  return { id, index: Number(index), from, values: Number(values), crc: Number(crc) };
}
