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
  const ms = lastTimeMs(unit, section, ["TimeoutStopSec", "TimeoutSec"]);
  return ms === undefined ? { section } : { section, ms };
}

/** What the last line with one of these names says in the section; no limit is Infinity, and what says nothing undefined. */
function lastTimeMs(unit: Unit, section: string, names: readonly string[]): number | undefined {
  const last = unit.file.options
    .findLast((option) => option.section === section && names.includes(option.name))
    ?.value.trim();
  const ms = last === "infinity" ? 0 : parseTimeSpanMs(last ?? "");
  return ms === 0 ? Number.POSITIVE_INFINITY : ms; // systemd.service(5): 0 is no limit
}

/**
 * The longest time, in milliseconds, from when systemd is told to stop the unit until all of its processes are gone:
 * the stop time for each command of ExecStop, once for what SIGTERM ends, for each command of ExecStopPost, once for
 * what those leave behind, and a second for SIGKILL each time. What TimeoutStopFailureMode=abort ends may take
 * TimeoutAbortSec besides. Infinity when the unit says so.
 */
export function stopBoundMs(unit: Unit): number {
  const { section, ms = STOP_MS } = stopTime(unit);
  if (section === undefined) return KILL_MS;
  const count = (name: string) =>
    optionValues(unit.file, section, name).reduce((sum, value) => sum + commandsIn(value), 0);
  const before = count("ExecStop") + count("ExecStopPre");
  const after = count("ExecStopPost");
  const aborts = optionValues(unit.file, section, "TimeoutStopFailureMode").at(-1) === "abort";
  const abortMs = aborts ? (lastTimeMs(unit, section, ["TimeoutAbortSec"]) ?? ms) : 0;
  const phases = before + 1 + (after > 0 ? after + 1 : 0);
  const ends = after > 0 ? 2 : 1;
  return phases * ms + ends * (abortMs + KILL_MS);
}

/** Commands of one line, which a semicolon by itself separates, systemd.service(5); each has the whole stop time. */
function commandsIn(line: string): number {
  return line.split(/\s;(?=\s|$)/).filter((command) => command.trim() !== "").length;
}
