import { Fault } from "#base/fault.ts";
import { parseDurationMs } from "#fleet/core/fleet-config.ts";
import type {
  SchemaDrain,
  SchemaMachine,
  SchemaReason,
  SchemaUnitState,
} from "#fleet/core/schema.ts";
import { askerOf } from "./asker.ts";
import { isNotBlocking } from "./blocking.ts";
import { mapConcurrently } from "./concurrent.ts";
import { isActiveWord } from "./condition.ts";
import type { Flags } from "./flags.ts";
import { inJson, printJson } from "./json.ts";
import { isUp } from "./judge.ts";
import { machineLegend } from "./legends.ts";
import { chooseMachine } from "./machine-args.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";
import { traitsOf } from "./units.ts";

const FIRST_PAUSE_MS = 100;
const PAUSE_MAX_MS = 1_000;
const PAUSE_GROWTH = 1.25;
/** How long a unit that moved may take to be active before the command ends without it. */
const ARRIVAL_MS = 60_000;
/** When it is said that one is waited for. */
const NOTE_MS = 2_000;

/** `drain MACHINE`: its units move elsewhere; waits until they have, and run there. */
export async function runDrain(session: Session): Promise<number> {
  const { api, args, clock, flags, out } = session;
  const deadlineSeconds = deadlineOf(flags);
  const [word, ...more] = args;
  if (word === undefined || more.length > 0)
    throw new Fault(
      "USAGE",
      "Cannot drain: give one machine; several are drained one after another",
    );
  const machine = chooseMachine(word, await api.machineList());
  const { units } = await api.drainProgress(machine.id);
  await api.drain(machine.id, { ...askerOf(session), deadlineSeconds });
  const legend = machineLegend(machine.id, new Map([[machine.id, machine]]), false);
  if (isNotBlocking(session)) {
    out(`Triggered drain of machine ${legend}`);
    return 0;
  }
  const startMs = clock.monotonicMs();
  return new DrainWatch(session, machine, units, { legend, startMs }).run();
}

/** What became of one unit that was on the machine. */
interface Outcome {
  readonly unit: string;
  readonly to: string | null;
  readonly active: boolean;
  readonly why: string;
}

/** Follows a drain, saying what became of each unit. */
class DrainWatch {
  readonly #session: Session;
  readonly #machine: SchemaMachine;
  readonly #legend: string;
  readonly #startMs: number;
  /** Units that were there, and are not yet known to run elsewhere. */
  readonly #pending: Set<string>;
  /** Global units that are there: they move nowhere, and a deadline stops them. */
  readonly #globals: Set<string>;
  readonly #outcomes: Outcome[] = [];
  readonly #explained = new Map<string, string>();
  /** Since when units are off the machine, without being active elsewhere. */
  readonly #awaySinceMs = new Map<string, number>();
  /** Units that it was said are waited for. */
  readonly #noted = new Set<string>();
  /** Whether a unit was not active in time where it went. */
  #isLate = false;
  #apiNote = "";

  constructor(
    session: Session,
    machine: SchemaMachine,
    units: SchemaDrain["units"],
    { legend, startMs }: { readonly legend: string; readonly startMs: number },
  ) {
    this.#session = session;
    this.#machine = machine;
    const named = (isGlobal: boolean) =>
      new Set(units.filter(({ global }) => global === isGlobal).map(({ unit }) => unit));
    this.#pending = named(false);
    this.#globals = named(true);
    this.#legend = legend;
    this.#startMs = startMs;
  }

  async run(): Promise<number> {
    const { clock, io } = this.#session;
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      const progress = await this.#look();
      if (progress !== undefined && this.#isDone(progress)) return this.#end(progress);
      await clock.sleep(pauseMs, io.signal);
      pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * PAUSE_GROWTH);
    }
  }

  /** Undefined while nobody can be asked. */
  async #look(): Promise<SchemaDrain | undefined> {
    const { api, err } = this.#session;
    try {
      const progress = await api.drainProgress(this.#machine.id);
      const here = new Set(progress.units.map(({ unit }) => unit));
      const gone = [...this.#pending].filter((name) => !here.has(name));
      await mapConcurrently(gone, (name) => this.#follow(name));
      for (const name of this.#globals)
        if (!here.has(name)) await this.#settleGlobal(name, progress);
      for (const { fate, reasons, unit } of progress.units)
        if (fate === "waits") await this.#explain(unit, reasons);
      this.#apiNote = "";
      return progress;
    } catch (error) {
      const text = `Waiting for the fleet API: ${apiSentence(this.#session, error)}`;
      if (this.#apiNote !== text) err(text);
      this.#apiNote = text;
      return undefined;
    }
  }

  /** Says why a global unit is not on the machine any more. */
  async #settleGlobal(name: string, { isOver }: SchemaDrain): Promise<void> {
    const unit = await this.#session.api.unit(name);
    const why =
      unit === undefined
        ? "destroyed meanwhile"
        : unit.desiredState === "inactive"
          ? "unloaded meanwhile"
          : isOver
            ? `stopped on ${this.#legend}: it is global, and the deadline has passed`
            : `is on ${this.#legend} no more`;
    this.#globals.delete(name);
    await this.#settle(name, null, why);
  }

  /** Looks for a unit that is not on the machine any more. */
  async #follow(name: string): Promise<void> {
    const { api } = this.#session;
    const unit = await api.unit(name);
    if (unit === undefined) return this.#settle(name, null, "destroyed meanwhile");
    const to = unit.machineID ?? null;
    if (unit.desiredState === "inactive") return this.#settle(name, to, "unloaded meanwhile");
    if (to === null) return this.#settle(name, to, "stopped: it fits no other machine");
    const states = await api.states({ unitName: name });
    const state = states.find(({ machineID }) => machineID === to);
    if (unit.desiredState === "loaded") return this.#settle(name, to, "loaded");
    const { isOneshot, isTimed } = traitsOf(unit);
    const isUpThere = state !== undefined && isUp(state);
    if (isTimed && state !== undefined && !isUpThere)
      return this.#settle(name, to, "to run when it is time");
    if (isOneshot && unit.result?.current === true && !isUpThere)
      return this.#settle(name, to, "having run to its end");
    await this.#arrive(name, to, state);
  }

  async #arrive(name: string, to: string, state: SchemaUnitState | undefined): Promise<void> {
    const { clock, warn } = this.#session;
    const nowMs = clock.monotonicMs();
    const sinceMs = this.#awaySinceMs.get(name) ?? nowMs;
    this.#awaySinceMs.set(name, sinceMs);
    const word = state?.systemdActiveState || "not reported yet";
    if (isActiveWord(word)) return this.#settle(name, to, "active");
    if (nowMs - sinceMs >= ARRIVAL_MS) return this.#settle(name, to, word, true);
    if (nowMs - sinceMs < NOTE_MS || this.#noted.has(name)) return;
    this.#noted.add(name);
    warn(`Waiting for unit ${name} to be active on machine ${await this.#legendOf(to)}: ${word}`);
  }

  async #settle(unit: string, to: string | null, why: string, isLate = false): Promise<void> {
    this.#pending.delete(unit);
    this.#isLate ||= isLate;
    this.#outcomes.push({ unit, to, active: why === "active", why });
    const { out } = this.#session;
    if (inJson(this.#session)) return;
    out(
      to === null
        ? `Unit ${unit} ${why}`
        : `Unit ${unit} moved to ${await this.#legendOf(to)}, ${why}`,
    );
  }

  async #legendOf(machine: string): Promise<string> {
    return machineLegend(machine, await this.#session.api.machines(), false);
  }

  /** Says why a unit fits nowhere, once for each set of reasons. */
  async #explain(unit: string, reasons: readonly SchemaReason[]): Promise<void> {
    const others = reasons.filter(({ machineID }) => machineID !== this.#machine.id);
    const machines = await this.#session.api.machines();
    const text = others
      .map(({ machineID, reason }) => `\n  ${machineLegend(machineID, machines, false)}: ${reason}`)
      .join("");
    if (text === "" || this.#explained.get(unit) === text) return;
    this.#explained.set(unit, text);
    this.#session.warn(`Unit ${unit} waits for a machine that it fits:${text}`);
  }

  #isDone({ deadline, units, by }: SchemaDrain): boolean {
    if (by === null) return true;
    const isEmpty = units.every(({ fate }) => fate === "stays" && deadline === null);
    const left = new Set(units.map(({ unit }) => unit));
    return isEmpty && [...this.#pending].every((name) => left.has(name));
  }

  #end({ by, units }: SchemaDrain): number {
    const { clock, err, out } = this.#session;
    const isEnded = by === null;
    const seconds = ((clock.monotonicMs() - this.#startMs) / 1000).toFixed(1);
    if (inJson(this.#session))
      printJson(this.#session, [
        ...this.#outcomes,
        ...units.map(({ fate, unit }) => ({ unit, to: this.#machine.id, active: true, why: fate })),
      ]);
    if (isEnded) err(`The drain of machine ${this.#legend} was ended by somebody`);
    else if (units.length === 0 && !inJson(this.#session))
      out(`Machine ${this.#legend} drained in ${seconds} s`);
    for (const { global, unit } of isEnded ? [] : units)
      err(
        `Unit ${unit} goes on there: ${global ? "it is global" : "it asks for this machine"}; --deadline=DURATION stops it`,
      );
    return isEnded || units.length > 0 || this.#isLate ? 1 : 0;
  }
}

/** @throws {Fault} USAGE */
function deadlineOf(flags: Flags): number | undefined {
  const text = flags.text("deadline");
  if (text === "") return undefined;
  const ms = parseDurationMs(text);
  if (ms === undefined)
    throw new Fault(
      "USAGE",
      `Cannot use --deadline=${text}: expected a duration such as 90s, 10m or 1h; without --deadline nothing is stopped`,
    );
  return ms / 1000;
}
