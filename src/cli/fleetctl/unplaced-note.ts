import { Fault } from "#base/fault.ts";
import { machineLegend } from "./legends.ts";
import type { Session } from "./session.ts";

const LINES_MAX = 10; // machines that an explanation names; `fleetctl explain` lists all

/** For people: why no machine has the unit, machine by machine. */
export async function unplacedNote({ api }: Session, name: string): Promise<string> {
  const [reasons, machines] = await Promise.all([reasonsOf(api, name), api.machines()]);
  if (reasons.length === 0) return `Unit ${name} has no machine yet; waiting for one that fits.`;
  const fitting = reasons.filter(({ fits }) => fits).length;
  const head =
    fitting > 0
      ? `Unit ${name} is not placed yet, though ${fitting} of ${reasons.length} machines fit:`
      : `Unit ${name} fits no machine; it is placed as soon as one does:`;
  const lines = reasons
    .slice(0, LINES_MAX)
    .map((r) => `  ${machineLegend(r.machineID, machines, false)}: ${r.reason}`);
  const more = reasons.length - lines.length;
  const rest = more > 0 ? [`  and ${more} more; see: fleetctl explain ${name}`] : [];
  return [head, ...lines, ...rest].join("\n");
}

/** None when the API cannot say: the original's does not know the question. */
async function reasonsOf(api: Session["api"], name: string) {
  try {
    return (await api.reasons(name)).reasons;
  } catch (error) {
    if (error instanceof Fault) return [];
    throw error;
  }
}
