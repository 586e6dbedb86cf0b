import { causeOfStop } from "./causes.ts";
import type { RegistryHistory } from "./registry-history.ts";
import type { Violations } from "./trace.ts";
import { isTemplate } from "./unit-spec.ts";

/** A machine as its agent sees itself. */
export interface AgentView {
  readonly machine: string;
  readonly name: string;
  readonly boot: number;
  /** Which time it is that its systemd holds the lease without a break. */
  readonly leaseRun: number;
  /** The index that its model is at. */
  readonly index: number;
  /** Whether it was told to leave the cluster. */
  readonly isLeaving: boolean;
}

interface Step {
  readonly kind: string;
  readonly index: number;
  readonly reason: string;
  /** Whether the unit's file was on the machine already. */
  readonly wasLoaded: boolean;
}

/** Steps that stop the unit if it runs. */
const ENDING: readonly string[] = ["stop", "unload", "replace"];

const STOP = "4 no unit is stopped without a record that says so";
const START = "4 no unit is started without a record that says so, nor again";
const CAUSE = "8 no stop without a cause that is logged";

/**
 * Judges what agents ask of systemd by what the registry said at some time between the agent's view when it decided
 * and now.
 */
export class AgentCheck {
  readonly #history: RegistryHistory;
  readonly #violations: Violations;
  /** The newest decision about a unit, by machine and unit. */
  readonly #steps = new Map<string, Step>();
  /** Units that were started, and not told to stop since, by machine, boot and unit, and for which wish. */
  readonly #launched = new Map<string, { readonly wish: number; readonly leaseRun: number }>();
  /** The same, with those whose start ended in a way that the agent was not told of. */
  readonly #started = new Set<string>();
  /** When they were. */
  readonly #startedMs = new Map<string, number>();
  readonly #nowMs: () => number;

  constructor(history: RegistryHistory, violations: Violations, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#history = history;
    this.#violations = violations;
  }

  /** An agent logged what it is about to do with a unit; `loaded` is the hash of the unit's file on the machine. */
  decided(
    view: AgentView,
    unit: string,
    said: Pick<Step, "kind" | "reason">,
    loaded: string | undefined,
  ) {
    const { machine, index, name } = view;
    const step = { ...said, index, wasLoaded: loaded !== undefined };
    this.#steps.set(`${machine} ${unit}`, step);
    if (!ENDING.includes(step.kind)) return;
    this.#launched.delete(keyOf(view, unit));
    this.#started.delete(keyOf(view, unit));
    const { isLeaving } = view;
    const history = this.#history;
    if (isLeaving || causeOfStop({ history, machine, unit, loaded, index }) !== undefined) return;
    this.#violations.add(STOP, `${unit} on ${name}`, this.#seen(step, unit));
  }

  stops(view: AgentView, unit: string): void {
    const step = this.#steps.get(`${view.machine} ${unit}`);
    if (step === undefined || !ENDING.includes(step.kind) || step.reason === "")
      this.#violations.add(
        CAUSE,
        `${unit} on ${view.name}`,
        `stopped after ${step?.kind ?? "nothing"}`,
      );
  }

  starts(view: AgentView, unit: string, loaded: string | undefined): void {
    const step = this.#steps.get(`${view.machine} ${unit}`);
    const before = this.#launched.get(keyOf(view, unit));
    const wish = this.#history.wish(unit, step?.index);
    // What runs to its end, as the agent saw it, runs again for each wish.
    const isAnew = before?.wish !== wish && this.#history.runsOnce(unit, step?.index);
    // What runs by a lease only is started again after each time that the lease was over.
    const isLeased = this.#history.specOf(unit, loaded)?.leased !== undefined;
    const wasOver = isLeased && before?.leaseRun !== view.leaseRun;
    if (before !== undefined && !isAnew && !wasOver)
      this.#violations.add(START, `${unit} on ${view.name}`, `again: ${step?.reason ?? ""}`);
    this.#launched.set(keyOf(view, unit), { wish, leaseRun: view.leaseRun });
    this.#started.add(keyOf(view, unit));
    this.#startedMs.set(keyOf(view, unit), this.#nowMs());
    if (step === undefined)
      return this.#violations.add(
        CAUSE,
        `${unit} on ${view.name}`,
        "started without a logged step",
      );
    if (
      this.#ever(step.index, (index) =>
        this.#mayStart(view.machine, unit, loaded, { ...step, index }),
      )
    )
      return;
    this.#violations.add(START, `${unit} on ${view.name}`, this.#seen(step, unit));
  }

  /** The agent does not know how a start ended: it may ask again. */
  forgets(view: Pick<AgentView, "machine" | "boot">, unit: string): void {
    this.#launched.delete(keyOf(view, unit));
  }

  /** A step came to nothing: what it was to end goes on. */
  failed(view: AgentView, unit: string): void {
    const step = this.#steps.get(`${view.machine} ${unit}`);
    if (step !== undefined && ENDING.includes(step.kind)) this.#started.add(keyOf(view, unit));
  }

  /**
   * The agent begins anew and remembers only these: what it was just starting when it ended it may start again, and
   * what it could not write down for want of space. `sinceMs` is when it could not yet have written it down.
   */
  remembers(
    { machine, boot }: Pick<AgentView, "machine" | "boot">,
    units: readonly string[],
    sinceMs: number,
  ): void {
    const prefix = `${machine} ${boot} `;
    for (const key of this.#launched.keys()) {
      if (!key.startsWith(prefix) || (this.#startedMs.get(key) ?? 0) < sinceMs) continue;
      const unit = key.slice(prefix.length);
      // Of what runs to its end it may remember a run before.
      if (!units.includes(unit) || this.#history.runsOnce(unit, this.#history.ledger.index))
        this.#launched.delete(key);
    }
  }

  /** Whether the unit was started there and not stopped since; if it does not run, it ended by itself. */
  hasStarted(view: AgentView, unit: string): boolean {
    return this.#started.has(keyOf(view, unit));
  }

  #ever(from: number, holds: (index: number) => boolean): boolean {
    for (let index = this.#history.ledger.index; index >= from; index -= 1)
      if (holds(index)) return true;
    return false;
  }

  #mayStart(machine: string, unit: string, loaded: string | undefined, step: Step): boolean {
    const { index } = step;
    const job = this.#history.job(unit, index);
    if (job?.spec === undefined || isTemplate(unit)) return false;
    const { spec, desired, target, hash } = job;
    if (desired !== "launched" || hash !== loaded) return false;
    if (!spec.global) return target === machine;
    const history = this.#history;
    if (!history.globalFits(spec, machine, index) || history.isOverdue(machine, index))
      return false;
    return step.wasLoaded || history.isOpenTo(unit, machine, index);
  }

  #seen({ index, reason }: Step, unit: string): string {
    const job = this.#history.job(unit, index);
    const record =
      job === undefined
        ? `no job (${JSON.stringify(this.#history.removal(unit, index) ?? "never")})`
        : `desired ${job.desired ?? "nothing"}, target ${job.target ?? "none"}`;
    return `"${reason}" at index ${index}: ${record}; now ${this.#history.ledger.index}`;
  }
}

function keyOf({ machine, boot }: Pick<AgentView, "machine" | "boot">, unit: string): string {
  return `${machine} ${boot} ${unit}`;
}
