import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import { heldText, rolloutKey, textOnMachine } from "./rollout.ts";
import { unitWithText } from "./rollout-texts.ts";
import type { Unit } from "./unit.ts";

/** The text of a unit that a machine is to have; undefined when it cannot be read. */
export interface RollingText {
  readonly unit: Unit | undefined;
  /** It goes on here, whatever its target, until the new copy elsewhere is healthy. */
  readonly isHeld: boolean;
}

/** What a rollout under way makes of the unit on this machine; without one, what the unit's job says. */
export function rollingText(model: ClusterModel, me: MachineId, unit: Unit): RollingText {
  const rollout = model.notes.rollouts.get(rolloutKey(unit.name))?.value;
  const { global } = unit.wants;
  const hash = global ? textOnMachine(rollout, me) : heldText(rollout, unit.name, me);
  if (hash === undefined) return { unit, isHeld: false };
  return { unit: unitWithText(model, unit.name, hash), isHeld: !global };
}

/** The unit with the text that this machine is to have of it, by its job or by a rollout; undefined when it cannot be read. */
export function textHere(model: ClusterModel, me: MachineId, name: UnitName): Unit | undefined {
  const unit = model.jobs.get(name)?.unit;
  return unit && rollingText(model, me, unit).unit;
}
