/** A single-consumer event stream. When the consumer falls behind, the stream ends with an error instead of growing. */
export class BoundedStream<T> implements AsyncIterable<T>, Disposable {
  #queue: T[] = [];
  readonly #limit: number;
  #wake: (() => void) | undefined;
  #ended: { readonly error?: unknown } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(item: T): void {
    if (this.#ended) return;
    if (this.#queue.length === this.#limit) {
      this.end(
        new RangeError(
          `event stream overflowed its ${this.#limit} entries: read the state again, then watch from there`,
        ),
      );
      return;
    }
    this.#queue.push(item);
    this.#wake?.();
  }

  end(error?: unknown): void {
    this.#ended ??= error === undefined ? {} : { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    try {
      for (;;) {
        const ready = this.#queue;
        this.#queue = [];
        yield* ready;
        if (this.#queue.length > 0) continue;
        if (this.#ended) {
          if ("error" in this.#ended) throw this.#ended.error;
          return;
        }
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.end(); // the consumer left the loop: stop buffering
    }
  }

  [Symbol.dispose](): void {
    this.end();
  }
}
