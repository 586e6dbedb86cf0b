import type { SchemaUnit } from "#fleet/core/schema.ts";
import { findUnits } from "./find-units.ts";
import { machineLegend } from "./legends.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";
import { isGlobalUnit } from "./units.ts";
import { unplacedNote } from "./unplaced-note.ts";

export async function runStatus(session: Session): Promise<number> {
  const { args, err } = session;
  if (args.length === 0) {
    err("No units given");
    return 1;
  }
  const { units, missing } = await findUnits(session);
  for (const name of missing) err(`Unit ${name} does not exist.`);
  let highest = missing.length > 0 ? 1 : 0;
  const print = separated(session);
  for (const unit of units) {
    const exit = isGlobalUnit(unit)
      ? await globalStatus(session, unit, print)
      : await unitStatus(session, unit, print);
    highest = Math.max(highest, exit);
  }
  return highest;
}

async function unitStatus(session: Session, unit: SchemaUnit, print: Print): Promise<number> {
  if (unit.currentState === "inactive" || unit.machineID === undefined) {
    session.err(`Unit ${unit.name} does not appear to be loaded.`);
    const isWanted = unit.desiredState !== "inactive" && unit.machineID === undefined;
    const note = isWanted ? await unplacedNote(session, unit.name) : undefined;
    if (note !== undefined) session.err(note);
    return 1;
  }
  return ask(session, unit.name, {}, print);
}

/** A global unit's status on each of its machines, under the machine's name. */
async function globalStatus(session: Session, { name }: SchemaUnit, print: Print): Promise<number> {
  const { api, err } = session;
  const [states, machines] = await Promise.all([api.states({ unitName: name }), api.machines()]);
  if (states.length === 0) {
    err(`Unit ${name} does not appear to be loaded.`);
    return 1;
  }
  let highest = 0;
  for (const { machineID } of states) {
    const head = `${machineLegend(machineID, machines, false)}:\n`;
    const exit = await ask(session, name, { machineID }, (text) => print(head + text));
    highest = Math.max(highest, exit);
  }
  return highest;
}

async function ask(
  { api, err }: Session,
  name: string,
  where: { readonly machineID?: string },
  print: Print,
): Promise<number> {
  try {
    const { text, exitStatus } = await api.status(name, where);
    print(text);
    return exitStatus;
  } catch (error) {
    err(`Error retrieving status of unit ${name}: ${apiSentence(error)}`);
    return 1;
  }
}

type Print = (text: string) => void;

/** Prints texts with an empty line between them, as systemctl does for several units. */
function separated({ io }: Session): Print {
  let isFirst = true;
  return (text) => {
    const between = isFirst ? "" : "\n";
    isFirst = false;
    io.stdout.write(between + (text === "" || text.endsWith("\n") ? text : `${text}\n`));
  };
}
