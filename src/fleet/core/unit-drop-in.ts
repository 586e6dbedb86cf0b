import { leaseDropIn } from "./lease-drop-in.ts";
import { resourceDropIn } from "./resource-limits.ts";
import type { Unit } from "./unit.ts";

/** Everything that is added to the unit's own file on its machine; undefined when there is nothing to add. */
export function unitDropIn(unit: Unit): string | undefined {
  const parts = [resourceDropIn(unit), leaseDropIn(unit)].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : parts.join("\n");
}
