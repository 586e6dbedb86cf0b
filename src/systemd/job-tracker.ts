import type { JobResult } from "#systemd/systemd.ts";

/** Brings together what queues a job and the signal that tells how it ended, whichever comes first. */
export class JobTracker {
  readonly #waiting = new Map<string, Set<PromiseWithResolvers<JobResult>>>();
  /** Ends of jobs whose path is not known yet, for the reply to the call that queued them may still be unread. */
  readonly #early = new Map<string, JobResult>();
  #queueing = 0;
  #failure: { readonly error: unknown } | undefined;

  /** Queues a job by `queue`, which resolves with its object path, and waits for its end. */
  async run(queue: () => Promise<string>, signal: AbortSignal): Promise<JobResult> {
    const job = await this.#queue(queue);
    if (typeof job !== "string") return job.result;
    if (this.#failure) throw this.#failure.error;
    const waiter = Promise.withResolvers<JobResult>();
    const waiters = this.#waiting.get(job) ?? new Set();
    this.#waiting.set(job, waiters.add(waiter));
    const abort = () => waiter.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    try {
      return await waiter.promise;
    } finally {
      signal.removeEventListener("abort", abort);
      waiters.delete(waiter);
      if (waiters.size === 0) this.#waiting.delete(job);
    }
  }

  /** The path of the queued job, or how it ended when that is known already. */
  async #queue(queue: () => Promise<string>): Promise<string | { result: JobResult }> {
    this.#queueing += 1;
    try {
      const job = await queue();
      const result = this.#early.get(job);
      return result === undefined ? job : { result };
    } finally {
      this.#queueing -= 1;
      if (this.#queueing === 0) this.#early.clear();
    }
  }

  ended(job: string, result: JobResult): void {
    const waiters = this.#waiting.get(job);
    if (this.#queueing > 0) this.#early.set(job, result);
    for (const waiter of waiters ?? []) waiter.resolve(result);
  }

  /** Nothing will be told any more: rejects all that waits, and what comes. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const waiters of this.#waiting.values()) for (const { reject } of waiters) reject(error);
  }
}
