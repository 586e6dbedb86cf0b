import type { Clock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { JobResult, Systemd } from "#systemd/systemd.ts";
import { isInstallable } from "#unitfile/core/install-section.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { isRunning, type Step } from "./core/reconcile.ts";
import type { Unit } from "./core/unit.ts";
import { unitDropIn } from "./core/unit-drop-in.ts";
import type { LocalUnits } from "./local-units.ts";
import type { StartGuard } from "./start-guard.ts";
import { hashOf, type UnitFiles } from "./unit-files.ts";
import { UnitLinker } from "./unit-linker.ts";

export interface WorkerOptions {
  readonly systemd: Systemd;
  readonly files: UnitFiles;
  readonly units: LocalUnits;
  readonly guard: StartGuard;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Tells what was done with a unit, and why. */
  readonly tell: (what: string, unit: UnitName, why: string) => void;
  readonly signal: AbortSignal;
  /** Called when a step is done or failed. */
  readonly onDone: () => void;
}

/** The rest of an unload that did not come to its end. */
interface Clear {
  readonly kind: "clear";
  readonly name: UnitName;
  readonly reason: string;
}

type Work = Exclude<Step, { kind: "keep" }> | Clear;

const CLEAR = { kind: "clear", reason: "its file is gone" } as const;

interface StartStep {
  readonly run: number;
  readonly reason: string;
}

/** How long a step that failed rests before it is tried again, unless something else is to be done by then. */
const REST_MS = 5_000;

/**
 * Carries out steps, each unit's by itself and all at once, so that one that fails or takes long holds up no other.
 * A unit that is being started can be stopped or unloaded meanwhile: systemd then cancels the start.
 */
export class UnitWorker {
  readonly #options: WorkerOptions;
  readonly #linker: UnitLinker;
  readonly #busy = new Set<UnitName>();
  readonly #running = new Set<Promise<void>>();
  /** Units left as they are, with the reason as it was logged. */
  readonly #kept = new Map<UnitName, string>();

  readonly #failed = new Map<UnitName, { readonly step: string; readonly untilMs: number }>();
  /** Units that systemd would not start for want of another, which may yet come. */
  readonly #wanting = new Set<UnitName>();

  /** Units that systemd is asked to start, and did not answer for. */
  readonly #starting = new Set<UnitName>();
  /** Units whose file is gone, but not yet all that came with it. */
  readonly #leftovers = new Set<UnitName>();
  /** Units whose last start did not even begin, with systemd's word for why. */
  readonly #notBegun = new Map<UnitName, string>();

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#linker = new UnitLinker(options.systemd, options.logger, options.signal);
  }

  /** Units that a step is under way for, which none can be begun for. */
  get busy(): ReadonlySet<UnitName> {
    return this.#busy;
  }

  isStarting(name: UnitName): boolean {
    return this.#starting.has(name);
  }

  /** Why the last start of the unit did not begin, in systemd's words, if it did not. */
  whyNotBegun(name: UnitName): string | undefined {
    return this.#notBegun.get(name);
  }

  /** When the first of the steps that failed may be tried again; undefined when none waits. */
  get againAtMs(): number | undefined {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [name, { untilMs }] of this.#failed) if (untilMs <= nowMs) this.#failed.delete(name);
    const times = [...this.#failed.values()].map(({ untilMs }) => untilMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Begins the steps of units that are not busy. */
  begin(steps: readonly Step[]): void {
    for (const step of steps) {
      const name = "unit" in step ? step.unit.name : step.name;
      if (this.#busy.has(name) || this.#rests(name, step)) continue;
      if (step.kind === "keep") this.#tellKept(name, step.reason);
      else {
        this.#kept.delete(name);
        this.#track(name, step);
      }
    }
    for (const name of this.#leftovers)
      if (!this.#busy.has(name) && !this.#rests(name, CLEAR)) this.#track(name, { ...CLEAR, name });
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  #track(name: UnitName, step: Work): void {
    const { logger, signal, tell, onDone } = this.#options;
    this.#busy.add(name);
    this.#failed.delete(name);
    const run = this.#carryOut(name, step)
      .then(() => {
        if (step.kind !== "adopt" && step.kind !== "clear") tell(doneIn(step), name, step.reason);
      })
      .catch((error: unknown) => {
        if (signal.aborted) return;
        this.#rest(name, step);
        const reason = reasonOf(error);
        logger.error({ unit: name, step: step.kind, reason }, "step failed; will be tried again");
      })
      .finally(() => {
        this.#busy.delete(name);
        this.#running.delete(run);
        onDone();
      });
    this.#running.add(run);
  }

  #rest(
    name: UnitName,
    { kind, reason }: { readonly kind: string; readonly reason: string },
  ): void {
    const untilMs = this.#options.clock.monotonicMs() + REST_MS;
    this.#failed.set(name, { step: `${kind} ${reason}`, untilMs });
  }

  #rests(name: UnitName, step: { readonly kind: string; readonly reason: string }): boolean {
    const failed = this.#failed.get(name);
    if (failed?.step !== `${step.kind} ${step.reason}`) return false;
    return this.#options.clock.monotonicMs() < failed.untilMs;
  }

  async #carryOut(name: UnitName, step: Work): Promise<void> {
    const { logger, units } = this.#options;
    logger.info({ unit: name, step: step.kind, reason: step.reason }, "step");
    switch (step.kind) {
      case "load":
        return this.#load(step.unit, step);
      case "replace":
        await this.#stop(name);
        return this.#load(step.unit, step);
      case "start":
        return this.#start(name, step);
      case "adopt":
        units.setLaunched(name, step.run);
        return units.record();
      case "stop":
        return this.#stop(name);
      case "restart":
        return this.#restart(name);
      case "unload":
        return this.#unload(name);
      case "clear":
        return this.#clear(name);
      default:
        return step satisfies never;
    }
  }

  async #load(
    unit: Unit,
    how: StartStep & { readonly kind: Step["kind"]; readonly start: boolean },
  ): Promise<void> {
    const { files, units, guard } = this.#options;
    if (hashOf(unit.raw) !== unit.hash)
      throw new Fault(
        "RECORD_MALFORMED",
        `Cannot load ${unit.name}: its unit file in the store has not the hash ${unit.hash} it is kept under; destroy the unit and submit it again`,
      );
    await guard.loading(unit);
    const dropIn = unitDropIn(unit);
    await files.write(unit.name, unit.raw, dropIn);
    await this.#linker.link(files.path(unit.name), {
      installs: isInstallable(unit.file),
      extends: dropIn !== undefined,
      replaces: how.kind === "replace",
    });
    units.loaded(unit.name, unit.hash);
    this.#leftovers.delete(unit.name);
    for (const name of this.#wanting) this.#failed.delete(name); // this may be what they want
    if (how.start) await this.#start(unit.name, how);
  }

  /** Begins to start the unit; how that ends is only reported, for whether to try again is the unit's own matter. */
  async #start(name: UnitName, { run, reason }: StartStep): Promise<void> {
    const { systemd, units, logger, signal, onDone, guard } = this.#options;
    const permit = await guard.permit(name, run, signal);
    permit.check();
    units.setLaunched(name, run);
    this.#starting.add(name);
    const start = systemd
      .startUnit(name, signal)
      .then(
        (result) => {
          this.#wanting.delete(name);
          this.#tellResult(name, "start", result);
          if (result === "dependency") this.#notBegun.set(name, result);
        },
        (error: unknown) => {
          // Whether it began is not known: once systemd is back, its state tells.
          if (isGone(error) || signal.aborted) units.setNotLaunched(name);
          else if (wantsAnother(error)) {
            permit.notBegun();
            units.setNotLaunched(name);
            this.#rest(name, { kind: "start", reason });
            if (!this.#wanting.has(name))
              logger.warn({ unit: name, reason: reasonOf(error) }, "start waits for another unit");
            this.#wanting.add(name);
          } else {
            this.#notBegun.set(name, reasonOf(error));
            logger.error({ unit: name, reason: reasonOf(error) }, "systemd refused to start it");
          }
        },
      )
      .finally(() => {
        this.#starting.delete(name);
        units.forgetStatus(name);
        permit.end();
        this.#running.delete(start);
        onDone();
      });
    this.#notBegun.delete(name);
    this.#running.add(start);
    await units.record();
  }

  async #stop(name: UnitName): Promise<void> {
    const { systemd, units, signal } = this.#options;
    // First, so that what this does not see through to its end does not pass for a unit that ended by itself.
    units.setNotLaunched(name);
    await units.record();
    const [status] = await systemd.status([name], signal);
    const { activeState = "inactive" } = status ?? {};
    if (isRunning(activeState) || activeState === "deactivating") {
      const result = await systemd.stopUnit(name, signal);
      this.#tellResult(name, "stop", result);
      const [after] = await systemd.status([name], signal);
      if (after !== undefined && isRunning(after.activeState))
        throw new Fault(
          "SYSTEMD_FAILED",
          `Cannot stop ${name}: it is still ${after.activeState} after systemd's stop job ended as "${result}"`,
        );
    }
  }

  async #restart(name: UnitName): Promise<void> {
    const { systemd, signal } = this.#options;
    this.#tellResult(name, "restart", await systemd.restartUnit(name, signal));
  }

  async #unload(name: UnitName): Promise<void> {
    const { files, units } = this.#options;
    await this.#stop(name);
    await files.remove(name);
    // From here on it is not here, whatever becomes of the rest: nobody may be told that it is.
    units.unloaded(name);
    this.#wanting.delete(name);
    this.#notBegun.delete(name);
    this.#leftovers.add(name);
    await this.#clear(name);
  }

  /** Clears away what is left of a unit without its file. */
  async #clear(name: UnitName): Promise<void> {
    const { systemd, units, signal, guard } = this.#options;
    await systemd.resetFailed(name, signal);
    await this.#linker.unlink(name);
    await guard.unloaded(name);
    await units.record();
    this.#leftovers.delete(name);
  }

  #tellResult(unit: UnitName, action: "start" | "stop" | "restart", result: JobResult): void {
    if (result !== "done")
      this.#options.logger.warn({ unit, action, result }, "job did not succeed");
  }

  #tellKept(unit: UnitName, reason: string): void {
    if (this.#kept.get(unit) === reason) return;
    this.#kept.set(unit, reason);
    this.#options.logger.warn({ unit, reason }, "left unit as it is");
  }
}

/** A start only begins here; how it ends, the unit's state tells. */
function doneIn(step: Exclude<Step, { kind: "keep" | "adopt" }>): string {
  switch (step.kind) {
    case "load":
      return step.start ? "started" : "loaded";
    case "replace":
      return step.start ? "restarted with another file" : "loaded with another file";
    case "start":
      return "started";
    case "stop":
      return "stopped";
    case "restart":
      return "restarted";
    case "unload":
      return "unloaded";
    default:
      return step satisfies never;
  }
}

/** systemd's word for a unit that must be there first, as by BindsTo=, and is not known. */
function wantsAnother(error: unknown): boolean {
  return error instanceof Fault && error.facts["error"] === "org.freedesktop.systemd1.NoSuchUnit";
}

export function isGone(error: unknown): boolean {
  return error instanceof Fault && error.code === "SYSTEMD_GONE";
}
