import type { ClusterModel } from "./cluster-model.ts";
import { HealthMoves } from "./health-moves.ts";
import { isHealthy } from "./health-note.ts";
import type { MachineId } from "./machine-id.ts";
import type { Unit } from "./unit.ts";

/** For people: how the unit does on the machine; empty for one without a check. */
export function describeHealth(model: ClusterModel, unit: Unit, machine: MachineId): string {
  if (unit.wants.health === undefined) return "";
  const health = isHealthy(model, unit.name, machine);
  const note = model.notes.health.get(unit.name, machine)?.value;
  if (health === "unknown" || note === undefined) return "health not known yet";
  if (health === "healthy") return `healthy since ${note.since}`;
  const unhealthy = `unhealthy since ${note.since}: ${note.reason}`;
  const hold = note.move ? new HealthMoves(model).hold(unit.name) : undefined;
  return hold === undefined ? unhealthy : `${unhealthy}; not moved: ${hold}`;
}

/** For people: that the unit had rather not come to the machine again; empty when nothing says so. */
export function describeAvoidance(model: ClusterModel, unit: Unit, machine: MachineId): string {
  const avoidance = model.notes.avoid.get(unit.name, machine)?.value;
  return avoidance === undefined ? "" : `avoided for a while: ${avoidance.reason}`;
}
