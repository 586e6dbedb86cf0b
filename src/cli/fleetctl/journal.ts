import { once } from "node:events";
import { mapConcurrently } from "./concurrent.ts";
import { mergeJournals } from "./journal-lines.ts";
import { followAcrossMoves, type JournalSource, journalOptions } from "./journal-source.ts";
import { machineLegend } from "./legends.ts";
import { isOfOriginal, journalWithoutApi } from "./over-ssh.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";
import { expandArguments, unitNameOf } from "./unit-args.ts";
import { isGlobalUnit } from "./units.ts";

export async function runJournal(session: Session): Promise<number> {
  const { args, err, flags } = session;
  if (args.length === 0) {
    err("One unit file must be provided.");
    return 1;
  }
  const found = await Promise.all(
    expandArguments(args).map((arg) => sourcesOf(session, unitNameOf(arg))),
  );
  const all = found.flat().filter((source) => typeof source !== "number");
  const sources = await withPrefixes(session, all);
  const missing = found.some((source) => typeof source === "number") ? 1 : 0;
  const [only, ...others] = sources;
  if (only === undefined) return missing;
  const isMerged = others.length > 0 && flags.text("output") === "short" && !flags.bool("follow");
  if (isMerged) return Math.max(missing, await printMerged(session, sources));
  if (!flags.bool("follow")) {
    let highest = missing;
    for (const source of sources) highest = Math.max(highest, await print(session, source));
    return highest;
  }
  return Math.max(missing, ...(await Promise.all(sources.map((one) => print(session, one)))));
}

/** Each machine's journal of the unit; 1 after saying why there is none. */
async function sourcesOf(session: Session, unit: string): Promise<readonly JournalSource[] | 1> {
  const { api, err } = session;
  try {
    const known = await api.unit(unit);
    if (known === undefined) {
      err(`Unit ${unit} does not exist.`);
      return 1;
    }
    const isGlobal = isGlobalUnit(known);
    const machines = isGlobal
      ? (await api.states({ unitName: unit })).map(({ machineID }) => machineID)
      : known.currentState === "inactive"
        ? []
        : [known.machineID];
    if (machines.length > 0)
      return machines.map((machine) => ({ unit, machine, isGlobal, prefix: "" }));
    err(`Unit ${unit} does not appear to be running.`);
    return 1;
  } catch (error) {
    err(`Error retrieving unit ${unit}: ${apiSentence(session, error)}`);
    return 1;
  }
}

/** Says before each line which machine it is from, where it is from several. */
async function withPrefixes(
  { api }: Session,
  sources: readonly (JournalSource | readonly JournalSource[])[],
): Promise<JournalSource[]> {
  const all = sources.flat();
  if (new Set(all.map(({ machine }) => machine)).size <= 1) return all;
  const machines = await api.machines();
  return all.map((source) => ({
    ...source,
    prefix: `${machineLegend(source.machine ?? "", machines, false)} | `,
  }));
}

/** All of them by time. */
async function printMerged(session: Session, sources: readonly JournalSource[]): Promise<number> {
  const { api, io } = session;
  const options = { ...journalOptions(session), output: "short-unix" };
  let status = 0;
  const parts = await mapConcurrently(sources, async (source) => {
    const { unit, machine, prefix } = source;
    const where = machine === undefined ? {} : { machineID: machine };
    try {
      let whole = "";
      for await (const piece of api.journal(unit, { ...options, ...where }, io.signal))
        whole += piece;
      return { prefix, text: whole };
    } catch (error) {
      status = Math.max(status, await fail(session, source, error));
      return { prefix, text: "" };
    }
  });
  for (const line of mergeJournals(parts)) await write(session, `${line}\n`);
  return status;
}

async function print(session: Session, source: JournalSource): Promise<number> {
  const { api, flags, io } = session;
  const { unit, machine, isGlobal, prefix } = source;
  const follow = flags.bool("follow");
  const where = isGlobal && machine !== undefined ? { machineID: machine } : {};
  const pieces =
    follow && !isGlobal
      ? followAcrossMoves(session, source)
      : api.journal(unit, { ...journalOptions(session), ...where, follow }, io.signal);
  try {
    // Whole lines only, so that the journals of several machines do not mix within a line.
    let rest = "";
    for await (const piece of pieces) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop() ?? "";
      if (lines.length > 0)
        await write(session, lines.map((line) => `${prefix}${line}\n`).join(""));
    }
    if (rest !== "") await write(session, prefix + rest);
    return 0;
  } catch (error) {
    return fail(session, source, error);
  }
}

/** A machine of the original has no journal to give by its API, but by ssh. */
async function fail(
  session: Session,
  { unit, machine: at }: JournalSource,
  error: unknown,
): Promise<number> {
  const { api, err, io } = session;
  if (io.signal.aborted) throw error;
  const machine = isOfOriginal(error) ? (await api.machines()).get(at ?? "") : undefined;
  if (machine !== undefined) return journalWithoutApi(session, unit, machine);
  err(`Error retrieving journal of unit ${unit}: ${apiSentence(session, error)}`);
  return 1;
}

async function write({ io }: Session, lines: string): Promise<void> {
  if (!io.stdout.write(lines)) await once(io.stdout, "drain", { signal: io.signal });
}
