import type { Systemd } from "#systemd/systemd.ts";

interface Request {
  readonly link: string | undefined;
  readonly unlink: string | undefined;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Makes systemd know unit files, or forget them, in batches: while one batch is under way the next one gathers, so a
 * hundred units cost a few reloads. A file that systemd refuses fails alone.
 */
export class UnitLinker {
  readonly #systemd: Systemd;
  readonly #signal: AbortSignal;
  #waiting: Request[] = [];
  #working = false;

  constructor(systemd: Systemd, signal: AbortSignal) {
    this.#systemd = systemd;
    this.#signal = signal;
  }

  /** Resolves when systemd has read the file at `path`. */
  link(path: string): Promise<void> {
    return this.#ask({ link: path, unlink: undefined, done: Promise.withResolvers<void>() });
  }

  /** Resolves when systemd has forgotten the file of the unit. */
  unlink(name: string): Promise<void> {
    return this.#ask({ link: undefined, unlink: name, done: Promise.withResolvers<void>() });
  }

  #ask(request: Request): Promise<void> {
    this.#waiting.push(request);
    if (!this.#working) {
      this.#working = true;
      // What is asked for in the same turn shares the batch.
      queueMicrotask(() => void this.#work());
    }
    return request.done.promise;
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      await this.#handle(batch);
    }
    this.#working = false;
  }

  async #handle(batch: readonly Request[]): Promise<void> {
    try {
      const linked = await this.#tell(batch.filter(({ link }) => link !== undefined));
      const unlinked = await this.#tell(batch.filter(({ unlink }) => unlink !== undefined));
      await this.#systemd.reload(this.#signal);
      for (const { done } of [...linked, ...unlinked]) done.resolve();
    } catch (error) {
      for (const { done } of batch) done.reject(error);
    }
  }

  /** Tells systemd of all at once; when it refuses, of each by itself. Gives those that went well. */
  async #tell(batch: readonly Request[]): Promise<readonly Request[]> {
    if (batch.length === 0) return batch;
    try {
      await this.#call(batch);
      return batch;
    } catch (error) {
      if (batch.length === 1 || this.#signal.aborted) {
        for (const { done } of batch) done.reject(error);
        return [];
      }
    }
    const each = [];
    for (const request of batch) each.push(...(await this.#tell([request])));
    return each;
  }

  async #call(batch: readonly Request[]): Promise<void> {
    const links = batch.flatMap(({ link }) => link ?? []);
    const unlinks = batch.flatMap(({ unlink }) => unlink ?? []);
    if (links.length > 0) await this.#systemd.linkUnitFiles(links, this.#signal);
    if (unlinks.length > 0) await this.#systemd.unlinkUnitFiles(unlinks, this.#signal);
  }
}
