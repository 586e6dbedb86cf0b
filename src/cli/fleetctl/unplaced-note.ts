import { Fault } from "#base/fault.ts";
import type { SchemaReasons } from "#fleet/core/schema.ts";
import { machineLegend } from "./legends.ts";
import type { Session } from "./session.ts";

const LINES_MAX = 10; // machines that an explanation names; `fleetctl explain` lists all

/** For people: why no machine has the unit, machine by machine; undefined when one has it by now. */
export async function unplacedNote({ api }: Session, name: string): Promise<string | undefined> {
  const [explained, machines] = await Promise.all([reasonsOf(api, name), api.machines()]);
  if (explained === undefined) return `Waiting for unit ${name}: for a machine that fits`;
  const { placed, reasons } = explained;
  if (placed !== null) return undefined;
  const fitting = reasons.filter(({ fits }) => fits).length;
  if (fitting > 0)
    return `Waiting for unit ${name}: for an engine to place it; ${fitting} of ${reasons.length} machines fit`;
  const lines = reasons
    .slice(0, LINES_MAX)
    .map((r) => `\n  ${machineLegend(r.machineID, machines, false)}: ${r.reason}`);
  const more = reasons.length - lines.length;
  const rest = more > 0 ? `\n  and ${more} more; see: fleetctl explain ${name}` : "";
  return `Unit ${name} fits no machine; it is placed as soon as one does:${lines.join("")}${rest}`;
}

/** Undefined when the API cannot say: the original's does not know the question. */
async function reasonsOf(api: Session["api"], name: string): Promise<SchemaReasons | undefined> {
  try {
    return await api.reasons(name);
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}
