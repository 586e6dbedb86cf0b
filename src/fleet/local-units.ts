import { Fault } from "#base/fault.ts";
import type { Systemd, UnitStatus } from "#systemd/systemd.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { LoadedUnit } from "./core/reconcile.ts";
import type { UnitFiles } from "./unit-files.ts";

/** The unit files of this machine with what is remembered and seen of each. */
export class LocalUnits {
  readonly #files: UnitFiles;
  readonly #hashes: Map<UnitName, string>;
  /** What was launched, and which run of it. */
  readonly #launched: Map<UnitName, number | undefined>;
  readonly #systemdRun: string;
  readonly #statuses = new Map<string, UnitStatus>();
  /** What was last recorded. */
  #recorded: string | undefined;
  #isWriteDue = false;
  #writing = Promise.resolve();

  private constructor(
    files: UnitFiles,
    hashes: Map<UnitName, string>,
    launched: Map<UnitName, number | undefined>,
    systemdRun: string,
  ) {
    this.#files = files;
    this.#hashes = hashes;
    this.#launched = launched;
    this.#systemdRun = systemdRun;
  }

  /** Reads what is there. What was launched under another run of systemd counts as not launched. */
  static async open(files: UnitFiles, systemdRun: string): Promise<LocalUnits> {
    const hashes = await files.list();
    const record = await files.readLaunched();
    const names = record?.systemdRun === systemdRun ? record.launched : [];
    const known = [...hashes.keys()].filter((name) => names.includes(name));
    const launched = new Map(known.map((name) => [name, record?.runs[name]]));
    return new LocalUnits(files, hashes, launched, systemdRun);
  }

  get names(): UnitName[] {
    return [...this.#hashes.keys()];
  }

  get(name: UnitName): LoadedUnit | undefined {
    const hash = this.#hashes.get(name);
    if (hash === undefined) return undefined;
    const status = this.#statuses.get(name);
    return {
      hash,
      launched: this.#launched.has(name),
      run: this.#launched.get(name),
      loadState: status?.loadState ?? "",
      activeState: status?.activeState ?? "",
    };
  }

  status(name: UnitName): UnitStatus | undefined {
    return this.#statuses.get(name);
  }

  /** All of them but those in `except`. */
  all(except: ReadonlySet<UnitName>): Map<UnitName, LoadedUnit> {
    const names = this.names.filter((name) => !except.has(name));
    return new Map(names.map((name) => [name, this.get(name)!]));
  }

  /**
   * Looks at what systemd says of each. Asking about a unit that systemd does not hold makes it load the unit, which it
   * tells of as a change; so those are asked about only when they are new here, or for `all`.
   */
  async look(systemd: Systemd, which: "changed" | "all", signal: AbortSignal): Promise<void> {
    const held = new Map((await systemd.list(signal)).map((row) => [row.name, row]));
    const asked = this.names.filter(
      (name) => !held.has(name) && (which === "all" || !this.#statuses.has(name)),
    );
    const answers = asked.length === 0 ? [] : await systemd.status(asked, signal);
    const told = new Map(answers.map((row) => [row.name, row]));
    for (const name of this.names) {
      const before = this.#statuses.get(name);
      const row = held.get(name) ?? told.get(name) ?? (before && asleep(before));
      if (row !== undefined) this.#statuses.set(name, row);
    }
  }

  /** What was seen of the unit is over: nothing counts until it is looked at again. */
  forgetStatus(name: UnitName): void {
    this.#statuses.delete(name);
  }

  loaded(name: UnitName, hash: string): void {
    this.#hashes.set(name, hash);
    this.#statuses.delete(name);
  }

  unloaded(name: UnitName): void {
    this.#hashes.delete(name);
    this.#launched.delete(name);
    this.#statuses.delete(name);
  }

  /** Remembers that the unit was launched for this run. */
  setLaunched(name: UnitName, run: number): void {
    this.#launched.set(name, run);
  }

  setNotLaunched(name: UnitName): void {
    this.#launched.delete(name);
  }

  /** Writes down what is launched now, when that changed; one write after the other, so that the newest stays. */
  async record(): Promise<void> {
    const written = this.#writing.then(() => this.#write());
    this.#writing = written.catch(() => {}); // reaches who asked for it
    await written;
  }

  /** The same after a write that failed; when this fails too, it is for the next time. */
  async recordAgain(): Promise<void> {
    if (!this.#isWriteDue) return;
    await this.record().catch((error: unknown) => {
      if (!(error instanceof Fault)) throw error;
    });
  }

  async #write(): Promise<void> {
    const launched = [...this.#launched.keys()].sort();
    const runs = Object.fromEntries([...this.#launched].filter(([, run]) => run !== undefined));
    const text = JSON.stringify([launched, runs]);
    if (this.#recorded === text) return;
    this.#isWriteDue = true;
    await this.#files.writeLaunched({
      systemdRun: this.#systemdRun,
      launched,
      runs: runs as Record<string, number>,
    });
    this.#recorded = text;
    this.#isWriteDue = false;
  }
}

/** The row of a unit that systemd dropped from memory: it does nothing. */
function asleep(row: UnitStatus): UnitStatus {
  return { ...row, activeState: "inactive", subState: "dead" };
}
