import type { SchemaUnit, SchemaUnitState } from "#fleet/core/schema.ts";
import type { Awaited } from "./awaited.ts";
import { blockingMs } from "./blocking.ts";
import { mapConcurrently } from "./concurrent.ts";
import { machinesOf } from "./condition.ts";
import {
  type Expected,
  type Failure,
  type Goal,
  isLaunched,
  isUp,
  judge,
  type Observed,
  type Verdict,
} from "./judge.ts";
import { judgeAwaited } from "./judge-awaited.ts";
import { machineLegend } from "./legends.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";
import { unplacedNote } from "./unplaced-note.ts";

export interface Waiting extends Omit<Expected, "hasRun"> {
  /** When to say on stdout that it is there; one for which nothing was changed may be there already. */
  readonly announce: "always" | "unless at once" | "never";
}

export interface WaitOptions {
  /** What a command brings about, or what is only waited for. */
  readonly goal: Goal | Awaited;
  /** After which to give up; by default what `--block-attempts` amounts to. */
  readonly limitMs?: number;
  /** Says nothing on the way, for whoever prints the outcome itself. */
  readonly isSilent?: boolean;
  /** An unplaced unit is as stopped as can be. */
  readonly unplacedIsReached?: boolean;
  /** What the command reports of a unit that is there, such as `launched`; used when time runs out. */
  readonly reports: string;
}

/** Why a unit did not get there. */
export interface Problem {
  readonly unit: string;
  readonly kind: "failed" | "missing" | "timed out";
  /** For people: what the unit lacks, without its name. */
  readonly why: string;
  readonly text: string;
}

const FIRST_PAUSE_MS = 25;
const PAUSE_GROWTH = 1.25;
const PAUSE_MAX_MS = 500;
const NOTE_AFTER_MS = 1500; // waiting for longer gets an explanation
const EXPLAINED_MAX = 5; // units without a place that are explained machine by machine
const FEW = 8; // up to this many units are asked for one by one, more as one list

/**
 * Waits until all units have reached the goal, failed, or `--block-attempts` ran out; says on stdout which are there, and
 * on stderr why it takes longer.
 * @returns for each unit that did not get there, why not
 */
export async function waitForUnits(
  session: Session,
  units: readonly Waiting[],
  options: WaitOptions,
): Promise<string[]> {
  const problems = await awaitUnits(session, units, options);
  return problems.map(({ text }) => text);
}

/** The same, saying of each problem of what kind it is. */
export async function awaitUnits(
  session: Session,
  units: readonly Waiting[],
  options: WaitOptions,
): Promise<Problem[]> {
  const wait = new Wait(session, units, options);
  return wait.run();
}

interface Progress {
  readonly unit: Waiting;
  verdict: Verdict | undefined;
  sinceMs: number;
  announced: boolean;
  hasRun: boolean;
  noted: string;
}

class Wait {
  readonly #session: Session;
  readonly #options: WaitOptions;
  readonly #startMs: number;
  #pending: Progress[];
  #isFirstLook = true;
  /** What was last said of an API that does not answer. */
  #apiNote = "";
  #explained = 0;
  /** How soon the next unit may be there just by having lasted. */
  #settledInMs = Number.POSITIVE_INFINITY;
  readonly #problems: Problem[] = [];
  /** Prints a line on the way. */
  readonly #note: (line: string) => void;

  constructor(session: Session, units: readonly Waiting[], options: WaitOptions) {
    this.#session = session;
    this.#options = options;
    this.#note = options.isSilent === true ? () => {} : (line) => session.err(line);
    this.#startMs = session.clock.monotonicMs();
    this.#pending = units.map((unit) => ({
      unit,
      verdict: undefined,
      sinceMs: this.#startMs,
      announced: false,
      hasRun: false,
      noted: "",
    }));
  }

  async run(): Promise<Problem[]> {
    const { clock, io } = this.#session;
    const limitMs = this.#options.limitMs ?? blockingMs(this.#session);
    let pauseMs = FIRST_PAUSE_MS;
    void this.#session.api.machines(); // read by the time a unit is announced
    while (this.#pending.length > 0) {
      const lookMs = await this.#look();
      const leftMs = this.#startMs + limitMs - clock.monotonicMs();
      if (this.#pending.length === 0) break;
      if (leftMs <= 0) {
        await this.#giveUp();
        break;
      }
      // A cluster that is slow to answer is not asked more than half of the time.
      const restMs = Math.max(lookMs, Math.min(pauseMs, this.#settledInMs));
      await clock.sleep(Math.min(leftMs, restMs), io.signal);
      pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * PAUSE_GROWTH);
    }
    return this.#problems;
  }

  /** One round over all pending units; resolves with how long the API took. */
  async #look(): Promise<number> {
    const { clock } = this.#session;
    const beganMs = clock.monotonicMs();
    let observed: Observed[];
    try {
      observed = await this.#observe();
    } catch (error) {
      // The API may come back; whoever cannot wait for that uses --block-attempts or interrupts.
      const text = `Waiting for the fleet API: ${apiSentence(this.#session, error)}`;
      if (this.#apiNote !== text) this.#note(text);
      this.#apiNote = text;
      return clock.monotonicMs() - beganMs;
    }
    this.#apiNote = "";
    const nowMs = clock.monotonicMs();
    this.#settledInMs = Number.POSITIVE_INFINITY;
    const before = this.#pending;
    this.#pending = [];
    for (const [i, progress] of before.entries())
      if (!(await this.#isSettled(progress, observed[i]!, nowMs))) this.#pending.push(progress);
    this.#isFirstLook = false;
    return nowMs - beganMs;
  }

  async #observe(): Promise<Observed[]> {
    const { goal } = this.#options;
    const observed = await this.#observeUnits();
    if (typeof goal === "string") return observed;
    const machines = await this.#session.api.machineList();
    return observed.map((one) => ({
      ...one,
      machines: one.unit === undefined ? [] : machinesOf(one.unit, machines),
    }));
  }

  async #observeUnits(): Promise<Observed[]> {
    const { api } = this.#session;
    const names = this.#pending.map(({ unit }) => unit.name);
    if (names.length <= FEW)
      return mapConcurrently(names, async (name) => {
        const [unit, states] = await Promise.all([api.unit(name), api.states({ unitName: name })]);
        return { unit, states };
      });
    const [units, states] = await Promise.all([api.units(), api.states({})]);
    const unitOf = new Map<string, SchemaUnit>(units.map((unit) => [unit.name, unit]));
    const statesOf: Map<string, SchemaUnitState[]> = Map.groupBy(states, (state) => state.name);
    return names.map((name) => ({ unit: unitOf.get(name), states: statesOf.get(name) ?? [] }));
  }

  async #isSettled(progress: Progress, observed: Observed, nowMs: number): Promise<boolean> {
    const { unit } = progress;
    progress.hasRun ||= observed.states.some((state) => state.hash === unit.hash && isUp(state));
    const expected = { ...unit, hasRun: progress.hasRun };
    const { goal } = this.#options;
    const seen =
      typeof goal === "string"
        ? judge(goal, expected, observed)
        : judgeAwaited(goal.awaited, expected, observed);
    if (JSON.stringify(seen) !== JSON.stringify(progress.verdict)) progress.sinceMs = nowMs;
    progress.verdict = seen;
    const lastedMs = nowMs - progress.sinceMs;
    const verdict = seen.kind === "settling" && lastedMs >= seen.lastsMs ? seen.becomes : seen;
    if (verdict.kind === "settling")
      this.#settledInMs = Math.min(this.#settledInMs, verdict.lastsMs - lastedMs);
    await this.#announce(progress, observed, verdict);
    switch (verdict.kind) {
      case "reached":
        return true;
      case "failed":
        this.#problems.push(await this.#problem(progress.unit.name, verdict, observed));
        return true;
      case "unplaced":
        if (this.#options.unplacedIsReached === true) return true;
        await this.#explain(progress, nowMs);
        return false;
      case "waiting":
      case "settling":
        this.#tellWaiting(progress, verdict, nowMs);
        return false;
      default:
        return verdict satisfies never;
    }
  }

  /** Says where the unit is: once its machine reports on it when it is to be launched, else once there. */
  async #announce(progress: Progress, { unit, states }: Observed, verdict: Verdict): Promise<void> {
    const { goal } = this.#options;
    if (typeof goal !== "string") return this.#announceAwaited(progress, unit, verdict);
    if (progress.announced || unit === undefined) return;
    const isThere =
      goal === "launched"
        ? isLaunched(unit, states, progress.unit)
        : verdict.kind === "reached" ||
          (verdict.kind === "unplaced" && this.#options.unplacedIsReached === true);
    if (!isThere) return;
    progress.announced = true;
    const { announce } = progress.unit;
    if (announce === "never" || (announce === "unless at once" && this.#isFirstLook)) return;
    const where = unit.machineID === undefined ? "" : ` on ${await this.#legend(unit.machineID)}`;
    this.#session.out(`Unit ${unit.name} ${unit.currentState}${where}`);
  }

  async #announceAwaited(
    { unit: { announce, name } }: Progress,
    unit: SchemaUnit | undefined,
    verdict: Verdict,
  ): Promise<void> {
    const { goal } = this.#options;
    if (typeof goal === "string" || announce === "never" || verdict.kind !== "reached") return;
    const where = unit?.machineID === undefined ? "" : ` on ${await this.#legend(unit.machineID)}`;
    this.#session.out(`Unit ${name} is ${goal.awaited}${where}`);
  }

  async #problem(name: string, verdict: Failure, { unit }: Observed): Promise<Problem> {
    const { why, isMissing } = verdict;
    const about = { unit: name, kind: isMissing ? "missing" : "failed" } as const;
    if (unit?.machineID === undefined) return { ...about, why, text: `unit ${name} ${why}` };
    const whole = `${why} on ${await this.#legend(unit.machineID)}`;
    const text = `unit ${name} ${whole}; see: fleetctl journal ${name}`;
    return { ...about, why: whole, text };
  }

  /** Machine by machine why the unit has no place, once it has waited for a while. */
  async #explain(progress: Progress, nowMs: number): Promise<void> {
    if (nowMs - progress.sinceMs < NOTE_AFTER_MS || progress.noted !== "") return;
    progress.noted = "unplaced";
    await this.#tellUnplaced(progress.unit.name);
  }

  /** All of a template's instances lack a place for the same reasons: the first few are enough. */
  async #tellUnplaced(name: string): Promise<void> {
    this.#explained += 1;
    if (this.#options.isSilent === true) return;
    if (this.#explained > EXPLAINED_MAX)
      return this.#note(`Unit ${name} is not placed yet; see: fleetctl explain ${name}`);
    const note = await unplacedNote(this.#session, name);
    if (note !== undefined) this.#note(note);
  }

  #tellWaiting(
    progress: Progress,
    verdict: Extract<Verdict, { kind: "waiting" | "settling" }>,
    nowMs: number,
  ): void {
    if (nowMs - progress.sinceMs < NOTE_AFTER_MS) return;
    if (verdict.kind === "settling" && verdict.becomes.kind === "reached") return;
    const reason = verdict.kind === "waiting" ? verdict.for : `systemd, which says ${verdict.as}`;
    const text = `Waiting for unit ${progress.unit.name}: for ${reason}`;
    if (text !== progress.noted) this.#note(text);
    progress.noted = text;
  }

  async #giveUp(): Promise<void> {
    for (const { unit, verdict, noted } of this.#pending) {
      if (verdict?.kind === "unplaced" && noted === "") await this.#tellUnplaced(unit.name);
      const why = lack(verdict, this.#apiNote);
      const { goal, reports } = this.#options;
      const wanted =
        typeof goal === "string" ? `report state ${reports}` : `be ${goal.awaited}: it ${why}`;
      const text = `timed out waiting for unit ${unit.name} to ${wanted}`;
      this.#problems.push({ unit: unit.name, kind: "timed out", why, text });
    }
  }

  async #legend(machineID: string): Promise<string> {
    return machineLegend(machineID, await this.#session.api.machines(), false);
  }
}

/** For people: what a unit that did not get there in time waits for. */
function lack(verdict: Verdict | undefined, apiNote: string): string {
  if (apiNote !== "") return `is not known to be, for the fleet API does not answer (${apiNote})`;
  switch (verdict?.kind) {
    case "unplaced":
      return "has no machine";
    case "waiting":
      return `waits for ${verdict.for}`;
    case "settling":
      return `waits for systemd, which says ${verdict.as}`;
    case "failed":
      return verdict.why;
    case "reached":
    case undefined:
      return "was not seen yet";
    default:
      return verdict satisfies never;
  }
}
