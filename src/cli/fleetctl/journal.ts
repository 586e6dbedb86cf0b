import { once } from "node:events";
import type { SchemaUnit } from "#fleet/core/schema.ts";
import { isOfOriginal, journalOverSsh } from "./over-ssh.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";
import { unitNameOf } from "./unit-args.ts";
import { isGlobalUnit } from "./units.ts";

export async function runJournal(session: Session): Promise<number> {
  const { api, args, err } = session;
  const [arg, ...more] = args;
  if (arg === undefined || more.length > 0) {
    err("One unit file must be provided.");
    return 1;
  }
  const name = unitNameOf(arg);
  let unit: SchemaUnit | undefined;
  try {
    unit = await api.unit(name);
  } catch (error) {
    err(`Error retrieving unit ${name}: ${apiSentence(error)}`);
    return 1;
  }
  if (unit === undefined) {
    err(`Unit ${name} does not exist.`);
    return 1;
  }
  if (isGlobalUnit(unit)) return globalJournal(session, name);
  if (unit.currentState === "inactive") {
    err(`Unit ${name} does not appear to be running.`);
    return 1;
  }
  return printJournal(session, name, {}, unit.machineID);
}

/** All machines of a global unit: one after the other, or side by side when following. */
async function globalJournal(session: Session, name: string): Promise<number> {
  const states = await session.api.states({ unitName: name });
  if (states.length === 0) {
    session.err(`Unit ${name} does not appear to be running.`);
    return 1;
  }
  const machines = states.map(({ machineID }) => ({ machineID }));
  if (session.flags.bool("follow")) {
    const exits = await Promise.all(
      machines.map((where) => printJournal(session, name, where, where.machineID)),
    );
    return Math.max(...exits);
  }
  let highest = 0;
  for (const where of machines)
    highest = Math.max(highest, await printJournal(session, name, where, where.machineID));
  return highest;
}

async function printJournal(
  session: Session,
  name: string,
  where: { readonly machineID?: string },
  at: string | undefined,
): Promise<number> {
  const { api, err, flags, io } = session;
  const options = {
    ...where,
    lines: flags.number("lines"),
    output: flags.text("output"),
    follow: flags.bool("follow"),
  };
  try {
    // Whole lines only, so that the journals of several machines do not mix within a line.
    let rest = "";
    for await (const piece of api.journal(name, options)) {
      const text = rest + piece;
      const end = text.lastIndexOf("\n") + 1;
      rest = text.slice(end);
      if (end > 0 && !io.stdout.write(text.slice(0, end)))
        await once(io.stdout, "drain", { signal: io.signal });
    }
    if (rest !== "") io.stdout.write(rest);
    return 0;
  } catch (error) {
    if (io.signal.aborted) throw error;
    const machine = isOfOriginal(error) ? (await api.machines()).get(at ?? "") : undefined;
    if (machine !== undefined) return journalOverSsh(session, name, machine);
    err(`Error retrieving journal of unit ${name}: ${apiSentence(error)}`);
    return 1;
  }
}
