import { basename } from "node:path";
import { reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Systemd } from "#systemd/systemd.ts";

interface Request {
  readonly link: string | undefined;
  readonly unlink: string | undefined;
  /** Whether what is linked has an [Install] section to be enabled by. */
  readonly installs: boolean;
  /** Whether it has a drop-in. */
  readonly extends: boolean;
  readonly done: PromiseWithResolvers<void>;
}

interface LinkOptions {
  readonly installs: boolean;
  readonly extends: boolean;
  readonly replaces: boolean;
}

/**
 * Makes systemd know unit files, or forget them, in batches: while one batch is under way the next one gathers, so a
 * hundred units cost a few reloads, or none. A file that systemd refuses fails alone.
 */
export class UnitLinker {
  readonly #systemd: Systemd;
  readonly #logger: Logger;
  readonly #signal: AbortSignal;
  #waiting: Request[] = [];
  #working = false;

  constructor(systemd: Systemd, logger: Logger, signal: AbortSignal) {
    this.#systemd = systemd;
    this.#logger = logger;
    this.#signal = signal;
  }

  /**
   * Resolves when systemd has read the file at `path`, with its drop-in if it `extends` it by one, and enabled it until
   * reboot if it `installs` something. What an older file of that name had enabled is forgotten if `replaces`.
   */
  link(path: string, { replaces, ...how }: LinkOptions): Promise<void> {
    return this.#ask({ link: path, unlink: replaces ? basename(path) : undefined, ...how });
  }

  /** Resolves when systemd has forgotten the file of the unit. */
  unlink(name: string): Promise<void> {
    return this.#ask({ link: undefined, unlink: name, installs: false, extends: false });
  }

  #ask(asked: Omit<Request, "done">): Promise<void> {
    const request = { ...asked, done: Promise.withResolvers<void>() };
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
      const unlinked = await this.#tell(
        batch.filter(({ unlink }) => unlink !== undefined),
        "unlink",
      );
      const failed = batch.filter((one) => one.unlink !== undefined && !unlinked.includes(one));
      const links = batch.filter((one) => one.link !== undefined && !failed.includes(one));
      const linked = await this.#tell(links, "link");
      await this.#enable(linked.filter(({ installs }) => installs));
      if (unlinked.length > 0 || !(await this.#areCurrent(linked)))
        await this.#systemd.reload(this.#signal);
      for (const { link, done } of unlinked) if (link === undefined) done.resolve();
      for (const { done } of linked) done.resolve();
    } catch (error) {
      for (const { done } of batch) done.reject(error);
    }
  }

  /**
   * Whether systemd has all of them as they are now, though it did not read everything again: that takes it 50 ms and
   * more, longest on machines with many units. New files need it only where more than the file counts.
   */
  async #areCurrent(linked: readonly Request[]): Promise<boolean> {
    if (linked.some((one) => one.installs || one.extends)) return false;
    const asked = linked.map(({ link = "" }) =>
      this.#systemd.isCurrent(basename(link), this.#signal),
    );
    const answers = await Promise.allSettled(asked);
    return answers.every((answer) => answer.status === "fulfilled" && answer.value);
  }

  /** Tells systemd of all at once; when it refuses, of each by itself. Gives those that went well. */
  async #tell(batch: readonly Request[], what: "link" | "unlink"): Promise<readonly Request[]> {
    if (batch.length === 0) return batch;
    const items = batch.flatMap((request) => request[what] ?? []);
    try {
      if (what === "link") await this.#systemd.linkUnitFiles(items, this.#signal);
      else await this.#systemd.unlinkUnitFiles(items, this.#signal);
      return batch;
    } catch (error) {
      if (batch.length === 1 || this.#signal.aborted) {
        for (const { done } of batch) done.reject(error);
        return [];
      }
    }
    const each = [];
    for (const request of batch) each.push(...(await this.#tell([request], what)));
    return each;
  }

  /** A unit that cannot be enabled, as one with an Also= that is not there, is linked and started all the same. */
  async #enable(batch: readonly Request[]): Promise<void> {
    if (batch.length === 0) return;
    const names = batch.map(({ link = "" }) => basename(link));
    try {
      await this.#systemd.enableUnitFiles(names, { runtime: true }, this.#signal);
    } catch (error) {
      if (this.#signal.aborted) return;
      if (batch.length > 1) for (const request of batch) await this.#enable([request]);
      else
        this.#logger.warn(
          { unit: names[0], reason: reasonOf(error) },
          "could not enable a unit by its [Install] section",
        );
    }
  }
}
