import type { MirrorChange } from "./mirror.ts";

/** How many changes are kept for a reader before it is ended; a first list larger than this is still one batch. */
export const CHANGES_MAX = 100_000;

interface Reader {
  pending: MirrorChange[];
  ended: { readonly error?: unknown } | undefined;
  wake: () => void;
}

interface Waiter {
  readonly holds: () => boolean;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Those who read a mirror's changes and those who wait for its state. */
export class MirrorReaders {
  readonly #readers = new Set<Reader>();
  readonly #waiters = new Set<Waiter>();
  #ended: { readonly error?: unknown } | undefined;

  /** Registers the reader now; what is pushed until its first `next` waits for it. */
  open(signal: AbortSignal): AsyncIterable<readonly MirrorChange[]> {
    const reader: Reader = { pending: [], ended: this.#ended, wake: () => {} };
    this.#readers.add(reader);
    const abort = () => end(reader, { error: signal.reason });
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
    const close = () => {
      signal.removeEventListener("abort", abort);
      this.#readers.delete(reader);
    };
    const batches = batchesOf(reader, close);
    return {
      [Symbol.asyncIterator]: () => ({
        next: () => batches.next(),
        return: () => {
          end(reader, {});
          close(); // a generator that never ran does not do it
          return batches.return();
        },
      }),
    };
  }

  push(changes: readonly MirrorChange[]): void {
    for (const reader of this.#readers) {
      if (reader.ended) this.#readers.delete(reader);
      else if (reader.pending.length > 0 && reader.pending.length + changes.length > CHANGES_MAX)
        end(reader, {
          error: new RangeError(
            `mirror reader fell ${reader.pending.length} changes behind: read the entries, then the changes from there`,
          ),
        });
      else for (const change of changes) reader.pending.push(change);
      reader.wake();
    }
  }

  /** Resolves once `holds`; tested now and at every `notify`. */
  async when(holds: () => boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (holds()) return;
    if (this.#ended) throw closedReason(this.#ended);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { holds, resolve, reject };
    const abort = () => reject(signal.reason);
    this.#waiters.add(waiter);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await promise;
    } finally {
      this.#waiters.delete(waiter);
      signal.removeEventListener("abort", abort);
    }
  }

  notify(): void {
    for (const waiter of this.#waiters) if (waiter.holds()) waiter.resolve();
  }

  /** Ends every reader after what it still has to read, and every wait. */
  end(...error: [error?: unknown]): void {
    this.#ended = error.length === 0 ? {} : { error: error[0] };
    for (const reader of this.#readers) end(reader, this.#ended);
    for (const waiter of this.#waiters) waiter.reject(closedReason(this.#ended));
  }
}

function end(reader: Reader, how: { readonly error?: unknown }): void {
  reader.ended ??= how;
  reader.wake();
}

function closedReason(ended: { readonly error?: unknown }): unknown {
  return "error" in ended ? ended.error : new Error("the mirror was closed");
}

async function* batchesOf(
  reader: Reader,
  close: () => void,
): AsyncGenerator<readonly MirrorChange[], void> {
  try {
    for (;;) {
      const batch = reader.pending;
      if (batch.length > 0) {
        reader.pending = [];
        yield batch;
      } else if (reader.ended === undefined) {
        await new Promise<void>((resolve) => (reader.wake = resolve));
      } else {
        if ("error" in reader.ended) throw reader.ended.error;
        return;
      }
    }
  } finally {
    close();
  }
}
