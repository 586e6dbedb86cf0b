import { reasonOf } from "#base/fault.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { drainMoves } from "./core/drain.ts";
import { isServing } from "./core/health-note.ts";
import type { MachineId } from "./core/machine-id.ts";
import { type Drain, describeMark, writeDrain } from "./core/machine-marks.ts";
import type { Decision, LostMachines } from "./core/schedule.ts";
import type { EngineMeans } from "./engine-means.ts";
import { isKeysError } from "./registry.ts";

/** Units of one machine that are on their way at once. */
const AT_ONCE = 4;
/** How long a unit that moved may take to be active before others go all the same: it may never be. */
const ARRIVAL_MS = 60_000;
/** When units that fitted nowhere are looked at again, if nothing of machines changed. */
const STUCK_MS = 2_000;

interface Travelling {
  readonly from: MachineId;
  readonly to: MachineId;
  readonly untilMs: number;
}

/**
 * Moves units off machines that are drained, as the leading engine: a few at a time, the next ones when those before are
 * active where they went, and what is left when the deadline passes. It remembers only what is on its way; another engine
 * that takes over goes on from what the store says.
 */
export class Drainer {
  readonly #options: EngineMeans;
  readonly #travelling = new Map<UnitName, Travelling>();
  readonly #stuck = new Set<UnitName>();
  #stuckUntilMs = 0;
  #againAtMs: number | undefined;
  /** Machines that units were seen to leave. */
  readonly #emptying = new Set<MachineId>();

  constructor(options: EngineMeans) {
    this.#options = options;
  }

  /** When time alone may let the next units go. */
  get againAtMs(): number | undefined {
    return this.#againAtMs;
  }

  /** Whether a change of the unit's state may let others go. */
  awaits(unit: UnitName): boolean {
    return this.#travelling.has(unit);
  }

  /** Machines came or went, or told something new: what fitted nowhere may fit now. */
  lookAgain(): void {
    this.#stuckUntilMs = 0;
  }

  /** What is to be carried out now. */
  moves(lost: LostMachines): Decision[] {
    const { clock, feed } = this.#options;
    const { model } = feed;
    const nowMs = clock.monotonicMs();
    this.#againAtMs = undefined;
    this.#settle(nowMs);
    if (nowMs >= this.#stuckUntilMs) this.#stuck.clear();
    // Of one machine at a time: the model does not show yet what is decided for another.
    for (const machine of this.#draining()) {
      const travelling = [...this.#travelling.values()].filter(({ from }) => from === machine);
      const room = AT_ONCE - travelling.length;
      const { decisions, stuck } = drainMoves(model, lost, machine, { room, skip: this.#stuck });
      if (stuck.length > 0) this.#stuckUntilMs = nowMs + STUCK_MS;
      for (const unit of stuck) this.#stuck.add(unit);
      if (decisions.length === 0) continue;
      for (const decision of decisions) this.#depart(decision, nowMs);
      return [...decisions];
    }
    if (this.#stuck.size > 0) this.#lookAt(this.#stuckUntilMs);
    return [];
  }

  /** Notes of machines whose time is up that it is, upon which the scheduler leaves nothing there. */
  async enforceDeadlines(signal: AbortSignal): Promise<void> {
    const { clock, events, feed, logger, me, registry } = this.#options;
    const wallMs = clock.now().getTime();
    for (const machine of this.#draining()) {
      const drain = feed.model.machine(machine)?.draining;
      if (drain?.value.deadline === undefined || drain.value.isOver) continue;
      const leftMs = Date.parse(drain.value.deadline) - wallMs;
      if (leftMs > 0) {
        this.#lookAt(clock.monotonicMs() + leftMs);
        continue;
      }
      const over: Drain = { ...drain.value, isOver: true };
      const what = { value: writeDrain(over), over: drain.index };
      try {
        await registry.overwriteMark(machine, "draining", what, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        // It was ended, or given another deadline, meanwhile; or the store went away.
        if (!isKeysError(error, 100, 101))
          logger.warn({ machine, error: reasonOf(error) }, "could not end a drain");
        this.#lookAt(clock.monotonicMs() + STUCK_MS);
        continue;
      }
      const why = `the deadline of the drain ${describeMark(over)} has passed`;
      events.tell({ what: "drain overdue", machine, who: `engine on ${me}`, why });
    }
  }

  #draining(): MachineId[] {
    const { model } = this.#options.feed;
    const all = [...model.machines.keys()].filter((id) => model.machine(id)?.draining).sort();
    for (const id of all)
      if (model.placedOn(id).size > 0) this.#emptying.add(id);
      else if (this.#emptying.delete(id)) this.#tellEmpty(id);
    for (const id of this.#emptying) if (!all.includes(id)) this.#emptying.delete(id);
    return all;
  }

  #tellEmpty(machine: MachineId): void {
    const { events, feed, me } = this.#options;
    const drain = feed.model.machine(machine)?.draining?.value;
    if (drain === undefined) return;
    const why = `drained ${describeMark(drain)}`;
    events.tell({ what: "drained", machine, who: `engine on ${me}`, why });
  }

  #depart(decision: Decision, nowMs: number): void {
    if (decision.kind !== "move" || !this.#isUp(decision.unit, decision.from)) return;
    const { from, to, unit } = decision;
    this.#travelling.set(unit, { from, to, untilMs: nowMs + ARRIVAL_MS });
  }

  /** Forgets those that arrived, whose time is up, and that nobody moved after all or wants to run any more. */
  #settle(nowMs: number): void {
    const { feed, logger } = this.#options;
    for (const [unit, { to, untilMs }] of this.#travelling) {
      const job = feed.model.jobs.get(unit);
      const isOnItsWay = job?.target?.value === to && job.desired === "launched";
      if (isOnItsWay && nowMs < untilMs && !isServing(feed.model, unit, to)) this.#lookAt(untilMs);
      else this.#travelling.delete(unit);
      if (isOnItsWay && nowMs >= untilMs)
        logger.warn({ unit, machine: to }, "moved away in a drain, and does not serve yet");
    }
  }

  #isUp(unit: UnitName, machine: MachineId): boolean {
    const state = this.#options.feed.model.states.get(unit)?.get(machine);
    return state?.activeState === "active" || state?.activeState === "reloading";
  }

  #lookAt(atMs: number): void {
    this.#againAtMs = Math.min(this.#againAtMs ?? atMs, atMs);
  }
}
