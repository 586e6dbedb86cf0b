import { parseTimeSpanMs } from "#unitfile/core/time-span.ts";
import { optionValues } from "#unitfile/core/unit-file.ts";
import { unitNameParts } from "#unitfile/core/unit-name.ts";
import type { Unit } from "./unit.ts";

/** The stop time of leased units that say none, systemd's own 90 s being long to wait for. */
export const STOP_MS = 5_000;
/** How long processes may take to be gone after SIGKILL, and systemd to see it, in each phase that ends so. */
const KILL_MS = 1_000;

/** The section that says how units of a type are stopped, where that can take time. */
const SECTIONS: Readonly<Record<string, string>> = {
  service: "Service",
  socket: "Socket",
  mount: "Mount",
  swap: "Swap",
};

/** Whether the unit may run only while its machine is known to be in touch with the cluster. */
export function isLeased({ wants }: Unit): boolean {
  return wants.atMostOnce || wants.onPartition === "stop";
}

/** The section of the unit's type that knows about stopping, and the stop time it says there, if any. */
export function stopTime(unit: Unit): { readonly section: string | undefined; ms?: number } {
  const section = SECTIONS[unitNameParts(unit.name).type];
  if (section === undefined) return { section };
  const values = ["TimeoutStopSec", "TimeoutSec"].flatMap((name) =>
    unit.file.options.filter((o) => o.section === section && o.name === name),
  );
  const last = values
    .sort((a, b) => a.line - b.line)
    .at(-1)
    ?.value.trim();
  if (last === undefined || last === "") return { section };
  if (last === "infinity") return { section, ms: Number.POSITIVE_INFINITY };
  const ms = parseTimeSpanMs(last);
  if (ms === undefined) return { section };
  return { section, ms: ms === 0 ? Number.POSITIVE_INFINITY : ms }; // systemd.service(5): 0 is no limit
}

/**
 * The longest time, in milliseconds, from when systemd is told to stop the unit until all of its processes are gone:
 * the stop time for each command of ExecStop, once for what SIGTERM ends, for each command of ExecStopPost, once for
 * what those leave behind, and a second for SIGKILL each time. Infinity when the unit says so.
 */
export function stopBoundMs(unit: Unit): number {
  const { section, ms = STOP_MS } = stopTime(unit);
  if (section === undefined) return KILL_MS;
  const count = (name: string) => optionValues(unit.file, section, name).filter(Boolean).length;
  const before = count("ExecStop") + count("ExecStopPre");
  const after = count("ExecStopPost");
  const aborts = optionValues(unit.file, section, "TimeoutStopFailureMode").at(-1) === "abort";
  const phases = before + 1 + (aborts ? 1 : 0) + (after > 0 ? after + 1 : 0);
  return phases * ms + (after > 0 ? 2 : 1) * KILL_MS;
}
