import { Fault } from "#base/fault.ts";
import { parseDurationMs } from "#fleet/core/fleet-config.ts";
import type { SchemaReason } from "#fleet/core/schema.ts";
import { AWAITED, type AwaitedState } from "./awaited.ts";
import { mapConcurrently, settle } from "./concurrent.ts";
import { findUnits } from "./find-units.ts";
import type { Flags } from "./flags.ts";
import { inJson, printJson } from "./json.ts";
import type { Session } from "./session.ts";
import { expected } from "./set-state.ts";
import { isPattern } from "./unit-args.ts";
import { traitsOf } from "./units.ts";
import { awaitUnits, type Problem, type Waiting } from "./wait.ts";

/** From the one that says most: a unit that is not there or failed will not come by waiting longer. */
const EXITS = { missing: 4, failed: 3, "timed out": 1 } as const;

/** `wait`: until all units are as `--for` says, whoever brings that about. */
export async function runWait(session: Session): Promise<number> {
  const { args, err, flags } = session;
  const awaited = awaitedOf(flags);
  const limitMs = limitOf(flags);
  if (args.length === 0) {
    err("No units given", "USAGE");
    return 1;
  }
  const { units, missing } = await findUnits(session);
  const announce = inJson(session) ? "never" : "always";
  const waiting: Waiting[] = units.map((unit) => expected(unit, announce));
  if (awaited === "gone")
    for (const name of missing.filter((word) => !isPattern(word)))
      waiting.push({ ...traitsOf({ name, options: [] }), isNew: false, announce });
  const unknown = awaited === "gone" ? [] : missing.map(absent);
  const problems = [
    ...unknown,
    ...(await awaitUnits(session, waiting, {
      goal: { awaited },
      reports: awaited,
      limitMs,
      isSilent: inJson(session),
    })),
  ];
  if (inJson(session)) await printOutcomes(session, awaited, waiting, problems);
  else for (const { text } of problems) err(`Error waiting for units: ${text}`);
  return Math.max(0, ...problems.map(({ kind }) => EXITS[kind]));
}

function absent(name: string): Problem {
  const why = "does not exist";
  return { unit: name, kind: "missing", why, text: `unit ${name} ${why}` };
}

async function printOutcomes(
  session: Session,
  awaited: AwaitedState,
  units: readonly Waiting[],
  problems: readonly Problem[],
): Promise<void> {
  const names = new Set([...problems.map(({ unit }) => unit), ...units.map(({ name }) => name)]);
  const rows = await mapConcurrently([...names].toSorted(), async (unit) => {
    const problem = problems.find((p) => p.unit === unit);
    const why = problem?.why ?? null;
    const reasons = problem?.kind === "timed out" ? await reasonsOf(session, unit) : [];
    return { unit, for: awaited, reached: problem === undefined, why, reasons };
  });
  printJson(session, rows);
}

/** Machine by machine why a unit has no place; nothing where it has one, or nobody can say. */
async function reasonsOf({ api }: Session, unit: string): Promise<object[]> {
  const asked = await settle(() => api.reasons(unit));
  if (!asked.isDone || asked.value.placed !== null) return [];
  return asked.value.reasons.map(({ machineID: machine, fits, reason }: SchemaReason) => ({
    machine,
    fits,
    reason,
  }));
}

/** @throws {Fault} USAGE */
function awaitedOf(flags: Flags): AwaitedState {
  const text = flags.text("for");
  const awaited = AWAITED.find((word) => word === text);
  if (awaited !== undefined) return awaited;
  const given = text === "" ? "without --for" : `for "${text}"`;
  throw new Fault(
    "USAGE",
    `Cannot wait ${given}: give --for=STATE, where STATE is one of ${AWAITED.join(", ")}`,
  );
}

/** @throws {Fault} USAGE */
function limitOf(flags: Flags): number {
  const text = flags.text("timeout");
  if (text === "") return Number.POSITIVE_INFINITY;
  const ms = parseDurationMs(text);
  if (ms === undefined)
    throw new Fault(
      "USAGE",
      `Cannot use --timeout=${text}: expected a duration such as 30s, 5m or 1h30m; without --timeout there is no limit`,
    );
  return ms;
}
