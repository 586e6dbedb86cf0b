import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { MachineId } from "./machine-id.ts";

/** A unit that somebody wants elsewhere, though it may stay where it is. */
export interface Displaced {
  readonly reason: string;
  /** The one machine that will do; undefined for the best. */
  readonly to?: MachineId;
  /** In spite of a cordon there, and of what the unit needs. */
  readonly isForced?: boolean;
}

/** Units that are treated otherwise than where they run would have it. */
export interface UnitsApart {
  readonly displaced?: ReadonlyMap<UnitName, Displaced>;
  /** Units that stay on lost machines, with the reason. */
  readonly waits?: ReadonlyMap<UnitName, string>;
  /** Machines that are alive but out of touch with the store: they have to stop leased units, and keep all others. */
  readonly cutOff?: ReadonlySet<MachineId>;
}
