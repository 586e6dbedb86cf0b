import type { SchemaUnit, SchemaUnitStatus } from "#fleet/core/schema.ts";
import { type UnitName, unitNameParts } from "#unitfile/core/unit-name.ts";
import { findUnits } from "./find-units.ts";
import { inJson, printJson } from "./json.ts";
import { machineLegend } from "./legends.ts";
import { resultText } from "./list-units.ts";
import { olderTexts } from "./older-texts.ts";
import { isOfOriginal, statusWithoutApi } from "./over-ssh.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";
import { expandArguments, isPattern, unitNameOf } from "./unit-args.ts";
import { isGlobalUnit, isTemplate } from "./units.ts";
import { unplacedNote } from "./unplaced-note.ts";

export async function runStatus(session: Session): Promise<number> {
  const { args, err } = session;
  if (args.length === 0) {
    err("No units given", "USAGE");
    return 1;
  }
  const { units: found, missing } = await findUnits(session);
  // A pattern is about what runs.
  const named = new Set(
    expandArguments(args)
      .filter((word) => !isPattern(word))
      .map(unitNameOf),
  );
  const units = found.filter(({ name }) => !isTemplate(name) || named.has(name));
  for (const name of missing) err(`Unit ${name} does not exist.`, "UNIT_NOT_FOUND");
  const machines = await session.api.machines();
  const { print, end } = inJson(session) ? asJson(session) : asText(session, machines);
  let highest = missing.length > 0 ? 1 : 0;
  for (const unit of units) {
    const exit = isGlobalUnit(unit)
      ? await globalStatus(session, unit, print)
      : await unitStatus(session, unit, print);
    highest = Math.max(highest, exit);
  }
  end();
  for (const note of await olderTexts(session, units)) session.warn(note);
  return highest;
}

async function unitStatus(session: Session, unit: SchemaUnit, print: Print): Promise<number> {
  const { machineID, name } = unit;
  if (isTemplate(name)) return templateStatus(session, name);
  if (machineID === undefined && unit.desiredState !== "inactive") return unplaced(session, name);
  if (unit.currentState === "inactive" || machineID === undefined) return notLoaded(session, name);
  return ask(session, name, { at: machineID }, (status) =>
    print({ unit: name, machine: machineID, status, tail: tailOf(unit) }),
  );
}

/** What systemd does not know: what the unit waits for in the cluster, and how its last run ended wherever it was. */
function tailOf({ waitsFor, result }: Pick<SchemaUnit, "waitsFor" | "result">): Tail {
  return { ...(waitsFor !== undefined && { waitsFor }), ...(result && { result }) };
}

function tailText({ waitsFor, result }: Tail, machines: Machines): string {
  const waits = waitsFor === undefined ? "" : `   Waits for: ${waitsFor}\n`;
  if (result === undefined) return waits;
  const at = machineLegend(result.machineID, machines, false);
  return `${waits}    Last run: ${resultText(result)} on ${at}\n`;
}

async function unplaced(session: Session, name: string): Promise<number> {
  const status = notLoaded(session, name);
  const note = await unplacedNote(session, name);
  if (note !== undefined) session.err(note);
  return status;
}

/** What is never loaded itself: the original's words, and then what people want to know. */
async function templateStatus(session: Session, name: string): Promise<number> {
  const { api, warn } = session;
  const status = notLoaded(session, name);
  const { type } = unitNameParts(name as UnitName);
  const isInstance = (unit: SchemaUnit) =>
    unit.name !== name && unitNameParts(unit.name as UnitName).template === name;
  const instances = (await api.units()).filter(isInstance);
  const example = name.replace(`@.${type}`, `@1.${type}`);
  const machines = await api.machines();
  const lines = instances.map(({ name: one, desiredState, machineID }) => {
    const at =
      machineID === undefined ? "nowhere" : `on ${machineLegend(machineID, machines, false)}`;
    return `\n  ${one}, ${desiredState}, ${at}`;
  });
  const what = `${name} is a template: it runs as its instances only`;
  warn(
    lines.length === 0
      ? `${what}, and has none; fleetctl start ${example} makes one`
      : `${what}:${lines.join("")}`,
  );
  return status;
}

function notLoaded({ err }: Session, name: string): number {
  err(`Unit ${name} does not appear to be loaded.`);
  return 1;
}

/** A global unit's status on each of its machines, under the machine's name. */
async function globalStatus(session: Session, { name }: SchemaUnit, print: Print): Promise<number> {
  const { api } = session;
  const [states, machines] = await Promise.all([api.states({ unitName: name }), api.machines()]);
  if (states.length === 0) return notLoaded(session, name);
  let highest = 0;
  for (const state of states) {
    const { machineID } = state;
    const head = `${machineLegend(machineID, machines, false)}:\n`;
    const exit = await ask(session, name, { machineID, at: machineID }, (status) =>
      print({ unit: name, machine: machineID, status, head, tail: tailOf(state) }),
    );
    highest = Math.max(highest, exit);
  }
  return highest;
}

async function ask(
  session: Session,
  name: string,
  { at, ...where }: { readonly machineID?: string; readonly at: string },
  take: (status: SchemaUnitStatus) => void,
): Promise<number> {
  try {
    const status = await session.api.status(name, where).catch(async (error: unknown) => {
      const machine = isOfOriginal(error) ? (await session.api.machines()).get(at) : undefined;
      if (machine === undefined) throw error;
      return statusWithoutApi(session, name, machine);
    });
    take(status);
    return status.exitStatus;
  } catch (error) {
    tellFailure(session, `Error retrieving status of unit ${name}`, error);
    return 1;
  }
}

interface Answer {
  readonly unit: string;
  readonly machine: string;
  readonly status: SchemaUnitStatus;
  /** What stands above it for people. */
  readonly head?: string;
  readonly tail: Tail;
}

type Tail = Pick<SchemaUnit, "waitsFor" | "result">;
type Machines = Parameters<typeof machineLegend>[1];

type Print = (answer: Answer) => void;

interface Printer {
  readonly print: Print;
  readonly end: () => void;
}

/** Texts as they come, with an empty line between them, as systemctl prints several units. */
function asText({ io }: Session, machines: Machines): Printer {
  let isFirst = true;
  const print: Print = ({ head = "", status, tail }) => {
    const between = isFirst ? "" : "\n";
    const text = head + status.text;
    isFirst = false;
    const whole = text === "" || text.endsWith("\n") ? text : `${text}\n`;
    io.stdout.write(between + whole + tailText(tail, machines));
  };
  return { print, end: () => {} };
}

function asJson(session: Session): Printer {
  const rows: object[] = [];
  const print: Print = ({ unit, machine, status, tail: { result = null, waitsFor = null } }) =>
    void rows.push({
      unit,
      machine,
      status: status.exitStatus,
      text: status.text,
      result,
      waitsFor,
    });
  return { print, end: () => printJson(session, rows) };
}
