import { Fault } from "#base/fault.ts";
import type {
  SchemaMove,
  SchemaPlan,
  SchemaPlannedUnit,
  SchemaPlanUnit,
  UnitStateName,
} from "#fleet/core/schema.ts";
import { prepareOrComplain } from "./bring-units.ts";
import { type Columns, printTable } from "./columns.ts";
import type { Flags } from "./flags.ts";
import { describePolicy } from "./follow-rollout.ts";
import { inJson, printJson } from "./json.ts";
import { machineLegend } from "./legends.ts";
import { PLANNED, type PlannedCommand } from "./planned.ts";
import type { PreparedUnit } from "./prepare-units.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";
import { inStartOrder } from "./unit-order.ts";

/** When a unit would be left without a machine; 1 is for what start would refuse. */
const EXIT_WITHOUT_MACHINE = 3;

/** What each of the commands would bring units to, and says that it is doing. */
const COMMANDS = {
  submit: { target: "inactive", doing: "creating" },
  load: { target: "loaded", doing: "loading" },
  start: { target: "launched", doing: "starting" },
} as const satisfies Record<PlannedCommand, unknown>;

/** `plan`: what `start`, or another command, would do with these arguments, by the scheduler itself; nothing is done. */
export async function runPlan(session: Session): Promise<number> {
  const { target, doing } = COMMANDS[commandOf(session.flags)];
  if (session.args.length === 0) {
    session.err("No units given", "USAGE");
    return 1;
  }
  const prepared = await prepareOrComplain(session, target, doing);
  if (prepared === undefined) return 1;
  const isRefused = prepared.some(({ kind }) => kind === "refuse");
  try {
    const plan = await session.api.plan(prepared.flatMap((unit) => requestOf(unit, target)));
    await print(session, plan, inStartOrder(prepared));
    if (isRefused) return 1;
    const isLeft = plan.units.some(isUnplaceable) || plan.others.some(({ to }) => to === null);
    return isLeft ? EXIT_WITHOUT_MACHINE : 0;
  } catch (error) {
    tellFailure(session, "Error planning units", error);
    return 1;
  }
}

/** @throws {Fault} USAGE */
function commandOf(flags: Flags): PlannedCommand {
  const text = flags.text("as");
  const command = PLANNED.find((name) => name === text);
  if (command !== undefined) return command;
  throw new Fault("USAGE", `Cannot plan --as=${text}: expected one of ${PLANNED.join(", ")}`);
}

/** What the command would put; nothing for units that it would not touch. */
function requestOf(unit: PreparedUnit, target: UnitStateName): SchemaPlanUnit[] {
  const { name } = unit;
  switch (unit.kind) {
    case "create":
    case "replace":
      return [{ name, desiredState: target, options: unit.options }];
    case "keep":
      return [{ name, desiredState: target === "inactive" ? unit.before.desiredState : target }];
    case "leave":
    case "refuse":
      return [];
    default:
      return unit satisfies never;
  }
}

/** Whether it should be somewhere, and would be nowhere. */
function isUnplaceable({ desiredState, machines }: SchemaPlannedUnit): boolean {
  return desiredState !== "inactive" && machines.length === 0;
}

interface Row {
  readonly unit: string;
  readonly change: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: string;
}

/** `layers`: the units of the arguments by who starts first. */
async function print(
  session: Session,
  plan: SchemaPlan,
  layers: readonly (readonly string[])[],
): Promise<void> {
  const { units, others, rollouts = [] } = plan;
  if (inJson(session)) {
    const rows = units.map((unit) => ({
      ...jsonUnit(unit),
      rollout: rolloutOf(unit.unit, plan),
      turn: layers.findIndex((layer) => layer.includes(unit.unit)) + 1,
    }));
    return printJson(session, [...rows, ...others.map(jsonMove)]);
  }
  const { api, flags, out } = session;
  const machines = await api.machines();
  const legend = (id: string | null) =>
    id === null ? "" : machineLegend(id, machines, flags.bool("full"));
  const columns: Columns<Row> = {
    unit: ({ unit }) => unit,
    change: ({ change }) => change,
    from: ({ from }) => legend(from),
    to: ({ to }) => legend(to),
    reason: ({ reason }) => reason,
  };
  const rows = [
    ...units.flatMap(rowsOf),
    ...others.map((move) => ({ ...move, change: verbOf(move) })),
  ];
  printTable(session, rows, ["unit", "change", "from", "to", "reason"], columns);
  if (layers.length > 1) out(`In order: ${layers.map((l) => l.join(" ")).join(", then ")}`);
  for (const rollout of rollouts) {
    const names = [...new Set(rollout.members.map((member) => member.unit))].join(" ");
    out(`Rollout of ${rollout.unit}: ${describePolicy(rollout)}: ${names}`);
  }
  for (const { reasons, unit } of units.filter(isUnplaceable)) {
    out(`Unit ${unit} would fit no machine${reasons.length === 0 ? "" : ":"}`);
    for (const { machineID, reason } of reasons) out(`  ${legend(machineID)}: ${reason}`);
  }
}

/** The rollout that the unit would begin or join; null for none. */
function rolloutOf(unit: string, { rollouts = [] }: SchemaPlan): object | null {
  const found = rollouts.find(
    (one) => one.unit === unit || one.members.some((member) => member.unit === unit),
  );
  if (found === undefined) return null;
  const { members, ...policy } = found;
  return { ...policy, members: members.map((one) => ({ unit: one.unit, machine: one.machineID })) };
}

/** One for each machine that a global unit would run on. */
function rowsOf(unit: SchemaPlannedUnit): Row[] {
  if (!unit.global || unit.machines.length === 0) return [unit];
  return unit.machines.map((to) => ({ ...unit, to }));
}

/** What happens to a unit that the command does not name. */
function verbOf({ from, to }: SchemaMove): "move" | "place" | "unplace" | "wait" {
  if (to === null) return from === null ? "wait" : "unplace";
  return from === null ? "place" : "move";
}

function jsonUnit(planned: SchemaPlannedUnit): object {
  const { change, desiredState: dstate, from, global, machines, reason, to, unit } = planned;
  const reasons = planned.reasons.map(({ machineID, ...why }) => ({ machine: machineID, ...why }));
  return { unit, asked: true, change, dstate, global, from, to, machines, reason, reasons };
}

function jsonMove(move: SchemaMove): object {
  const { from, reason, to, unit } = move;
  return { unit, asked: false, change: verbOf(move), from, to, reason };
}
