import { basename } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { ChangeStreams, EVERY_UNIT } from "#systemd/change-stream.ts";
import { gone } from "#systemd/connection.ts";
import { type FakeProgram, fakeProgram } from "#systemd/core/fake-program.ts";
import type { ServiceOutcome } from "#systemd/core/service-outcome.ts";
import { askableName, unknownUnit } from "#systemd/core/unit-row.ts";
import { FakeLease } from "#systemd/fake-lease.ts";
import { FakeUnit } from "#systemd/fake-unit.ts";
import type {
  Enablement,
  JobResult,
  Systemd,
  TransientService,
  UnitStatus,
} from "#systemd/systemd.ts";
import { isUnitName, unitNameParts } from "#unitfile/core/unit-name.ts";

export interface FakeSystemdOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The machine's unit files by path, read when a unit is loaded; may change at any time. */
  readonly files: ReadonlyMap<string, string>;
  /** Drop-ins by the name of their unit; none when not given. */
  readonly dropIns?: ReadonlyMap<string, string>;
  /** The shortest and the longest time that starting or stopping a unit takes; 5 to 50 ms when not given. */
  readonly jobMs?: readonly [least: number, most: number];
  /** The same for how long a process takes to be gone after SIGKILL; 5 to 50 ms when not given. */
  readonly killMs?: readonly [least: number, most: number];
  /** Told whenever something changed about a unit, in the same turn. */
  readonly onChange?: (name: string) => void;
}

/** A systemd manager in memory, for simulations: units follow their files as `fakeProgram` reads them. */
export class FakeSystemd {
  readonly #options: FakeSystemdOptions;
  readonly #connections = new Set<FakeConnection>();
  readonly #failing = new Set<string>();
  /** How units ended, by each connection that was there, and by the manager while it holds the unit. */
  readonly #outcomes = new Map<string, ServiceOutcome>();
  #links = new Map<string, string>();
  #units = new Map<string, FakeUnit>();
  readonly #lease: FakeLease;
  /** Names of unit files that were enabled. */
  #enabled = new Set<string>();

  constructor(options: FakeSystemdOptions) {
    this.#options = options;
    this.#lease = new FakeLease(options.clock, () => this.#stopLeased());
  }

  open(): Systemd {
    const connection = new FakeConnection(this, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    return connection;
  }

  /** Names of units whose processes are there, sorted: starting, running and stopping ones. */
  running(): string[] {
    return [...this.#units.values()]
      .filter((unit) => unit.isAlive)
      .map((unit) => unit.name)
      .toSorted();
  }

  /** Whether processes of the unit are there. */
  isRunning(name: string): boolean {
    return this.#units.get(name)?.isAlive === true;
  }

  /** Ends a running unit's process by itself; a status other than 0 is a failure. */
  exitUnit(name: string, status: number): void {
    this.#units.get(name)?.exit(status);
  }

  /** From now on the unit's process fails at once whenever it is started, or no longer does. */
  setFailing(name: string, fails: boolean): void {
    if (fails) this.#failing.add(name);
    else this.#failing.delete(name);
  }

  /** Whether units that are bound to the lease may run. */
  get isLeased(): boolean {
    return this.#lease.isHeld;
  }

  /** Counts the times that the lease was held without a break. */
  get leaseRun(): number {
    return this.#lease.run;
  }

  extendLease(untilMs: number): string {
    return this.#lease.extend(untilMs);
  }

  #stopLeased(): void {
    for (const unit of this.#units.values()) if (unit.program?.isLeased === true) void unit.stop();
  }

  /** All connections break, as when the manager runs itself anew; units go on. */
  dropConnections(): void {
    for (const connection of this.#connections) connection.break();
  }

  /** The machine starts anew: connections, units and links are gone. */
  reboot(): void {
    this.dropConnections();
    this.#lease.end();
    const names = [...this.#units.keys()];
    for (const unit of this.#units.values()) unit.vanish();
    this.#units = new Map();
    for (const name of names) this.#options.onChange?.(name);
    this.#links = new Map();
    this.#enabled = new Set();
  }

  link(paths: readonly string[]): void {
    const missing = paths.find((path) => !this.#options.files.has(path));
    if (missing !== undefined) throw refusal(`link ${missing}`, `${missing} does not exist`, "");
    for (const path of paths) this.#links.set(basename(path), path);
  }

  unlink(names: readonly string[]): void {
    for (const name of names) {
      this.#links.delete(name);
      this.#enabled.delete(name);
    }
  }

  enable(names: readonly string[]): Enablement {
    const missing = names.find((name) => this.#programOf(name) === undefined);
    if (missing !== undefined)
      throw refusal(`enable ${missing}`, `Unit file ${missing} does not exist`, "");
    const installed = names.filter((name) => this.#textOf(name)?.includes("[Install]"));
    const fresh = installed.filter((name) => !this.#enabled.has(name));
    for (const name of fresh) this.#enabled.add(name);
    return { hasInstall: installed.length > 0, changed: fresh.length > 0 };
  }

  startTransient(name: string, { description, argv }: TransientService): Promise<JobResult> {
    if (this.#units.has(name))
      throw refusal(
        `start ${name}`,
        `Unit ${name} was already loaded or has a fragment file`,
        "org.freedesktop.systemd1.UnitExists",
      );
    const text = `[Unit]\nDescription=${description}\n[Service]\nExecStart=${argv.join(" ")}\n`;
    return this.#hold(name, fakeProgram(text, name)).start();
  }

  /** How a unit ended that is held. */
  outcome(name: string): ServiceOutcome | undefined {
    return this.#units.has(name) ? this.#outcomes.get(name) : undefined;
  }

  /** Whether it would take the unit's file as it is now: what is held keeps what it has. */
  isCurrent(name: string): boolean {
    const program = this.#programOf(name);
    const held = this.#units.get(name);
    if (program === undefined || program.isBad) return false;
    return held === undefined || isDeepStrictEqual(held.program, program);
  }

  /** Loaded units take their files' present content. */
  reload(): void {
    for (const unit of this.#units.values()) unit.program = this.#programOf(unit.name);
    this.#changed(EVERY_UNIT);
  }

  /** The unit, held from now on. */
  load(action: string, name: string): FakeUnit {
    const program = this.loadable(action, name);
    return this.#units.get(name) ?? this.#hold(name, program);
  }

  /** What a unit does, if it can be loaded for a job. */
  loadable(action: string, name: string): FakeProgram {
    if (!askableName(name))
      throw refusal(
        `${action} ${name}`,
        `Unit name ${name} is not valid`,
        "org.freedesktop.DBus.Error.InvalidArgs",
      );
    const held = this.#units.get(name);
    const program = held === undefined ? this.#programOf(name) : held.program;
    if (program === undefined)
      throw refusal(`${action} ${name}`, `Unit ${name} not found`, NO_SUCH_UNIT);
    if (program.isBad)
      throw refusal(
        `${action} ${name}`,
        `Unit ${name} has a bad unit file setting`,
        "org.freedesktop.systemd1.BadUnitSetting",
      );
    return program;
  }

  held(name: string): FakeUnit | undefined {
    return this.#units.get(name);
  }

  list(): UnitStatus[] {
    const names = [...this.#units.keys()].toSorted();
    return names.map((name) => this.status(name));
  }

  status(name: string): UnitStatus {
    if (!askableName(name)) return unknownUnit(name);
    const unit = this.#units.get(name);
    const program = unit === undefined ? this.#programOf(name) : unit.program;
    const { activeState, subState } = unit ?? unknownUnit(name);
    const loadState =
      program === undefined ? "not-found" : program.isBad ? "bad-setting" : "loaded";
    const description = program?.description ?? name;
    return { name, description, loadState, activeState, subState };
  }

  #hold(name: string, program: FakeProgram): FakeUnit {
    const { clock, random, jobMs = [5, 50], killMs = [5, 50] } = this.#options;
    const between = ([least, most]: readonly [number, number]) => least + random() * (most - least);
    const unit = new FakeUnit(name, program, {
      clock,
      jobMs: () => between(jobMs),
      killMs: () => between(killMs),
      mayStart: () => unit.program?.isLeased !== true || this.#lease.isHeld,
      isFailing: () => this.#failing.has(name),
      changed: () => {
        if (unit.isForgettable && this.#units.get(name) === unit) this.#units.delete(name);
        this.#changed(name);
      },
      lastEnd: (outcome) => {
        const views = [...this.#connections].map(({ outcomes }) => outcomes);
        for (const outcomes of [this.#outcomes, ...views])
          if (outcome === undefined) outcomes.delete(name);
          else outcomes.set(name, outcome);
      },
    });
    this.#outcomes.delete(name);
    this.#units.set(name, unit);
    return unit;
  }

  #changed(name: string): void {
    this.#options.onChange?.(name);
    for (const connection of this.#connections) connection.streams.push(name);
  }

  #programOf(name: string): FakeProgram | undefined {
    const text = this.#textOf(name);
    return text === undefined ? undefined : fakeProgram(text, name);
  }

  #textOf(name: string): string | undefined {
    const template = isUnitName(name) ? unitNameParts(name).template : undefined;
    const path = this.#links.get(name) ?? (template && this.#links.get(template));
    const text = path === undefined ? undefined : this.#options.files.get(path);
    const dropIn = this.#options.dropIns?.get(name);
    return text === undefined || dropIn === undefined ? text : `${text}\n${dropIn}`;
  }
}

const NO_SUCH_UNIT = "org.freedesktop.systemd1.NoSuchUnit";

function refusal(action: string, reason: string, error: string): Fault {
  return new Fault("SYSTEMD_FAILED", `Cannot ${action}: ${reason}`, { facts: { error } });
}

/** One client of the fake manager. */
class FakeConnection implements Systemd {
  readonly streams = new ChangeStreams();
  /** What it was told of the ends of units. */
  readonly outcomes = new Map<string, ServiceOutcome>();
  readonly #manager: FakeSystemd;
  readonly #forget: () => void;
  readonly #broken = new AbortController();

  constructor(manager: FakeSystemd, forget: () => void) {
    this.#manager = manager;
    this.#forget = forget;
  }

  reload = (signal: AbortSignal) => this.#call(signal, () => this.#manager.reload());
  isCurrent = (name: string, signal: AbortSignal) =>
    this.#call(signal, () => this.#manager.isCurrent(name));
  linkUnitFiles = (paths: readonly string[], signal: AbortSignal) =>
    this.#call(signal, () => this.#manager.link(paths));
  unlinkUnitFiles = (names: readonly string[], signal: AbortSignal) =>
    this.#call(signal, () => this.#manager.unlink(names));
  enableUnitFiles = (names: readonly string[], _: { runtime: boolean }, signal: AbortSignal) =>
    this.#call(signal, () => this.#manager.enable(names));
  startUnit = (name: string, signal: AbortSignal) =>
    this.#call(signal, () => this.#manager.load("start", name).start());
  startTransientUnit = (name: string, service: TransientService, signal: AbortSignal) =>
    this.#call(signal, () => this.#manager.startTransient(name, service));
  extendLease = (untilMs: number, signal: AbortSignal) =>
    this.#call(signal, () => this.#manager.extendLease(untilMs));
  restartUnit = (name: string, signal: AbortSignal) =>
    this.#call(signal, () => this.#manager.load("restart", name).restart());
  resetFailed = (name: string, signal: AbortSignal) =>
    this.#call(signal, () => this.#manager.held(name)?.resetFailed());
  status = (names: readonly string[], signal: AbortSignal) =>
    this.#call(signal, () => names.map((name) => this.#manager.status(name)));
  list = (signal: AbortSignal) => this.#call(signal, () => this.#manager.list());
  outcome = (name: string, signal: AbortSignal) =>
    this.#call(signal, () => this.#manager.outcome(name) ?? this.outcomes.get(name));
  stopUnit = (name: string, signal: AbortSignal) =>
    this.#call<JobResult>(signal, () => this.#manager.held(name)?.stop() ?? "done");
  reloadUnit = (name: string, signal: AbortSignal) =>
    this.#call<JobResult>(signal, () => {
      this.#manager.loadable("reload", name);
      throw refusal(
        `reload ${name}`,
        `Job type reload is not applicable for unit ${name}`,
        "org.freedesktop.systemd1.JobTypeNotApplicable",
      );
    });

  changes(signal: AbortSignal): AsyncIterable<string> {
    const stream = this.streams.open(signal);
    if (this.#broken.signal.aborted) this.streams.end(gone("follow units"));
    return stream;
  }

  break(): void {
    this.#forget();
    this.#broken.abort(gone("wait for systemd"));
    this.streams.end(gone("follow units"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.break();
  }

  /** The answer comes a turn later, as over a socket, unless the wait is aborted or the connection breaks. */
  async #call<T>(signal: AbortSignal, answer: () => T | Promise<T>): Promise<T> {
    const ended = AbortSignal.any([signal, this.#broken.signal]);
    ended.throwIfAborted();
    await Promise.resolve();
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = () => reject(ended.reason);
    ended.addEventListener("abort", abort, { once: true });
    try {
      return await Promise.race([answer(), promise]);
    } finally {
      ended.removeEventListener("abort", abort);
    }
  }
}
