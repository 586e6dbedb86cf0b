/** What a key in the log's range is. `batch` names the batch that a part belongs to. */
export type LogKey =
  | { readonly kind: "batch"; readonly batch: string }
  | { readonly kind: "part"; readonly batch: string }
  | { readonly kind: "snapshot" };

/** Keys of etcd that a log uses, all under one prefix. Numbers have a fixed width, so that order is number's order. */
export class EtcdNames {
  /** The range that is watched: batches, their parts, the snapshot's pointer. */
  readonly log: string;
  readonly snapshot: string;
  readonly leader: string;
  readonly chunks: string;
  readonly #entries: string;

  constructor(prefix: string) {
    this.log = `${prefix}/log/`;
    this.snapshot = `${prefix}/log/snapshot`;
    this.leader = `${prefix}/leader`;
    this.chunks = `${prefix}/chunks/`;
    this.#entries = `${prefix}/log/entries/`;
  }

  batch(writer: string, sequence: number): string {
    return `${this.#entries}${writer}-${sequence.toString(36).padStart(10, "0")}`;
  }

  /** Sorts behind its batch and ahead of the writer's next one. */
  part(batch: string, at: number): string {
    return `${batch}.${String(at).padStart(4, "0")}`;
  }

  chunk(snapshot: string, at: number): string {
    return `${this.chunks}${snapshot}/${String(at).padStart(8, "0")}`;
  }

  /** The snapshot that a chunk's key belongs to. */
  snapshotOf(chunk: string): string {
    return chunk.slice(this.chunks.length).split("/")[0] ?? "";
  }

  /** What is common to the keys that one writer put, one after another. */
  writerOf(key: string): string {
    return key.slice(0, key.lastIndexOf("-"));
  }

  /** @throws {RangeError} when it is no key of the log. */
  read(key: string): LogKey {
    if (key === this.snapshot) return { kind: "snapshot" };
    if (!key.startsWith(this.#entries)) throw new RangeError(`the key ${key} is none of the log`);
    const dot = key.indexOf(".", this.#entries.length);
    if (dot < 0) return { kind: "batch", batch: key };
    return { kind: "part", batch: key.slice(0, dot) };
  }
}
