import { LEASE_BOUND } from "#systemd/core/lease-units.ts";
import { isLeased, STOP_MS, stopTime } from "./stop-bound.ts";
import type { Unit } from "./unit.ts";

/** Where the unit finds its fencing token, as `FLEET_FENCING_TOKEN=INDEX`; systemd reads it at each start. */
export const TOKEN_FILE = "%t/fleet-tokens/%n";

/**
 * The part of a unit's drop-in that binds it to its machine's lease, bounds its stop and gives it its fencing token;
 * undefined for units that run on whatever happens.
 */
export function leaseDropIn(unit: Unit): string | undefined {
  if (!isLeased(unit)) return undefined;
  const { section, ms } = stopTime(unit);
  const lines = ["# From OnPartition and AtMostOnce in [X-Fleet].", "[Unit]", ...LEASE_BOUND];
  if (section === undefined) return `${lines.join("\n")}\n`;
  lines.push(`[${section}]`);
  if (ms === undefined)
    lines.push(`${section === "Service" ? "TimeoutStopSec" : "TimeoutSec"}=${STOP_MS / 1_000}`);
  // Without these a process might outlive its unit.
  lines.push("SendSIGKILL=yes");
  if (unit.file.options.every((o) => o.name !== "KillMode" || o.value !== "mixed"))
    lines.push("KillMode=control-group");
  if (unit.wants.atMostOnce && section === "Service") lines.push(`EnvironmentFile=${TOKEN_FILE}`);
  return `${lines.join("\n")}\n`;
}
