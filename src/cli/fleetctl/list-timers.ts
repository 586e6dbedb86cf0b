import type { SchemaTimer } from "#fleet/core/schema.ts";
import { type Columns, printTable } from "./columns.ts";
import { inJson, printJson } from "./json.ts";
import { machineLegend } from "./legends.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";

/** `list-timers`: units that the clock starts, and when. */
export async function runListTimers(session: Session): Promise<number> {
  const { api, args, clock, err, flags } = session;
  if (args.length > 0) {
    err(`Cannot use argument ${JSON.stringify(args[0])}: list-timers takes none`, "USAGE");
    return 2;
  }
  try {
    const [timers, machines] = await Promise.all([api.timers(), api.machines()]);
    if (inJson(session)) {
      printJson(session, timers.map(jsonTimer));
      return 0;
    }
    const nowMs = clock.now().getTime();
    const columns: Columns<SchemaTimer> = {
      unit: ({ unit }) => unit,
      next: ({ armed, next }) => (armed ? (next ?? "never") : "not armed"),
      left: ({ next }) => (next === undefined ? "" : leftText(Date.parse(next) - nowMs)),
      last: ({ last = "" }) => last,
      result: ({ result, running }) => (running ? "running" : (result?.text ?? "")),
      machine: ({ machineID }) =>
        machineID === undefined ? "" : machineLegend(machineID, machines, flags.bool("full")),
    };
    printTable(session, timers, Object.keys(columns), columns);
    return 0;
  } catch (error) {
    tellFailure(session, "Error retrieving list of timers", error);
    return 1;
  }
}

function jsonTimer(timer: SchemaTimer): object {
  const { unit, calendars, armed, next, last, lastWhy, running, result, machineID } = timer;
  const times = { next: next ?? null, last: last ?? null, why: lastWhy ?? null };
  const where = { machine: machineID ?? null };
  return { unit, calendars, armed, ...times, running, result: result ?? null, ...where };
}

/** `2d 3h`, `3h 20min`, `12s`: the two greatest units. */
function leftText(ms: number): string {
  let seconds = Math.max(0, Math.round(ms / 1000));
  const parts: string[] = [];
  for (const [unit, length] of [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ] as const) {
    const count = Math.floor(seconds / length);
    seconds -= count * length;
    if (count > 0) parts.push(`${count}${unit}`);
  }
  return parts.slice(0, 2).join(" ") || "0s";
}
