const NAMES_MAX = 4096; // names kept for a slow reader; beyond that it is told to look at everything

/** Stands for every unit. */
export const EVERY_UNIT = "*";

/**
 * Names of changed units for one reader. A name that is not read yet is not added again, and when too many wait
 * they become `*`, so a slow reader never grows it and never misses that something changed.
 */
export class ChangeStream implements AsyncIterable<string> {
  #names = new Set<string>();
  #wake: (() => void) | undefined;
  #end: { readonly error?: unknown } | undefined;

  push(name: string): void {
    if (this.#end) return;
    if (this.#names.has(name) || this.#names.has(EVERY_UNIT)) return;
    if (this.#names.size === NAMES_MAX || name === EVERY_UNIT) this.#names = new Set([EVERY_UNIT]);
    else this.#names.add(name);
    this.#wake?.();
  }

  /** Without an error the reader's loop ends; with one it throws. */
  end(error?: unknown): void {
    this.#end ??= error === undefined ? {} : { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    try {
      for (;;) {
        const [name] = this.#names;
        if (name !== undefined) {
          this.#names.delete(name);
          yield name;
        } else if (this.#end) {
          if ("error" in this.#end) throw this.#end.error;
          return;
        } else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.end();
    }
  }
}

/** The readers of one source of changes. */
export class ChangeStreams {
  readonly #streams = new Set<ChangeStream>();

  /** A stream that ends with the signal. It is fed from now on, before anyone reads it. */
  open(signal: AbortSignal): AsyncIterable<string> {
    const stream = new ChangeStream();
    const abort = () => {
      this.#streams.delete(stream);
      stream.end();
    };
    this.#streams.add(stream);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    return this.#read(stream, () => signal.removeEventListener("abort", abort));
  }

  push(name: string): void {
    for (const stream of this.#streams) stream.push(name);
  }

  end(error: unknown): void {
    for (const stream of this.#streams) stream.end(error);
  }

  async *#read(stream: ChangeStream, done: () => void): AsyncGenerator<string, void> {
    try {
      yield* stream;
    } finally {
      done();
      this.#streams.delete(stream);
    }
  }
}
