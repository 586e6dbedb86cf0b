import { exponentialBounds, Histogram } from "#base/prometheus.ts";

/** Requests for keys since the start, as etcd counts them: those that were understood and allowed, without watches. */
export class RequestCounts {
  readonly #byMethod = new Map<string, MethodCounts>();

  /** By method, in alphabetical order; a read that goes through the log has etcd's name for it, QGET. */
  get byMethod(): [method: string, counts: MethodCounts][] {
    return [...this.#byMethod].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  begin(method: string): RequestCount {
    let counts = this.#byMethod.get(method);
    if (counts === undefined) this.#byMethod.set(method, (counts = new MethodCounts()));
    counts.received += 1;
    return new RequestCount(counts);
  }
}

class MethodCounts {
  received = 0;
  /** By status. */
  readonly failed = new Map<number, number>();
  readonly tookSeconds = new Histogram(exponentialBounds(0.0005, 2, 13)); // etcd's
}

/** One request on its way; it is either done or fails. */
export class RequestCount {
  readonly #counts: MethodCounts;
  readonly #startMs = performance.now();

  constructor(counts: MethodCounts) {
    this.#counts = counts;
  }

  done(): void {
    this.#counts.tookSeconds.observe((performance.now() - this.#startMs) / 1000);
  }

  failed(status: number): void {
    const { failed } = this.#counts;
    failed.set(status, (failed.get(status) ?? 0) + 1);
  }
}
