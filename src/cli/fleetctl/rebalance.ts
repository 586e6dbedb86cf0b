import { Fault } from "#base/fault.ts";
import type { SchemaRebalance } from "#fleet/core/schema.ts";
import { type Columns, printTable } from "./columns.ts";
import { inJson, printJson } from "./json.ts";
import { machineLegend, withIds } from "./legends.ts";
import { moveUnit } from "./move.ts";
import type { Session } from "./session.ts";

type Move = SchemaRebalance["moves"][number];

/** `rebalance`: moves units so that machines have equally many, one after another; with `--plan` only says which. */
export async function runRebalance(session: Session): Promise<number> {
  const { api, args, err, flags } = session;
  const max = flags.number("max-moves");
  if (args.length > 0) throw new Fault("USAGE", "Cannot rebalance some units: it takes no names");
  if (max < 1) throw new Fault("USAGE", `Cannot use --max-moves=${max}: expected 1 or more`);
  const plan = await api.rebalance(flags.bool("include-at-most-once"));
  const isPlan = flags.bool("plan");
  if (plan.moves.length === 0 && !inJson(session)) {
    err("Nothing to do: units are as even as they can be.");
    return 0;
  }
  if (!isPlan) return carryOut(session, plan, max);
  if (inJson(session)) printJson(session, plan.moves);
  else await printPlan(session, plan);
  return 0;
}

async function printPlan(session: Session, { after, before, moves }: SchemaRebalance) {
  const { api, err, flags } = session;
  const full = flags.bool("full");
  const machines = await api.machines();
  const columns: Columns<Move> = {
    unit: ({ unit }) => unit,
    from: ({ from }) => machineLegend(from, machines, full),
    to: ({ to }) => machineLegend(to, machines, full),
    reason: ({ reason }) => withIds(reason, full),
  };
  printTable(session, moves, ["unit", "from", "to", "reason"], columns);
  err(
    `${moves.length} ${moves.length === 1 ? "move" : "moves"}; units on a machine: ${before.fewest} to ${before.most} now, ${after.fewest} to ${after.most} then`,
  );
}

/** Each unit is active where it went before the next goes; the first that is not ends it. */
async function carryOut(
  session: Session,
  { moves }: SchemaRebalance,
  max: number,
): Promise<number> {
  const { api, err } = session;
  const done: Move[] = [];
  for (const move of moves.slice(0, max)) {
    const unit = await api.unit(move.unit);
    if (unit?.machineID !== move.from) {
      err(`Unit ${move.unit} is not where it was planned to move from; left out`);
      continue;
    }
    if ((await moveUnit(session, unit, move.to, { isTold: !inJson(session) })) !== 0) {
      if (inJson(session)) printJson(session, done);
      err(`Stopped after ${done.length} of ${moves.length} moves`);
      return 1;
    }
    done.push(move);
  }
  if (inJson(session)) printJson(session, done);
  const left = moves.length - max;
  if (left > 0) err(`${left} more would follow; rebalance again, or with a higher --max-moves`);
  return 0;
}
