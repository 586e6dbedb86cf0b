import { Fault } from "#base/fault.ts";
import { LEASE_BOUND } from "#systemd/core/lease-units.ts";
import { parseUnitFile } from "#unitfile/core/parse-unit-file.ts";
import { parseTimeSpanMs } from "#unitfile/core/time-span.ts";
import { optionValues, type UnitFile } from "#unitfile/core/unit-file.ts";

/** What the fake manager does for a unit, read from its file. */
export interface FakeProgram {
  /** Nothing can be started, as when a service has no ExecStart. */
  readonly isBad: boolean;
  readonly description: string | undefined;
  /** `oneshot`: starting it is running it to its end. */
  readonly type: "simple" | "oneshot";
  /** When and how it ends by itself; undefined: it runs until it is stopped. */
  readonly ends: { readonly afterMs: number; readonly status: number } | undefined;
  /** A oneshot stays active after its end. */
  readonly remains: boolean;
  /** How long it takes to stop beyond what every unit takes. */
  readonly stopMs: number;
  /** It ends by SIGKILL only. */
  readonly isStubborn: boolean;
  /** It runs by a lease only. */
  readonly isLeased: boolean;
}

/** A shell that ignores SIGTERM, and so does what it turns into. */
const IGNORES_SIGTERM = "trap '' TERM;";

/**
 * Understands `/bin/true`, `/bin/false` and `/bin/sleep SECONDS|infinity`; every other command runs for ever, and one
 * with `trap '' TERM;` until it is killed.
 */
export function fakeProgram(text: string, file: string): FakeProgram {
  const unit = readOrNothing(text, file);
  const last = (name: string) => optionValues(unit, "Service", name).at(-1);
  const start = last("ExecStart");
  const stop = runOf(last("ExecStop") ?? "/bin/true");
  const patienceMs = parseTimeSpanMs(last("TimeoutStopSec") ?? "") ?? 90_000;
  const isStubborn = start?.includes(IGNORES_SIGTERM) === true;
  return {
    isBad: file.endsWith(".service") && !start,
    description: optionValues(unit, "Unit", "Description").at(-1),
    type: last("Type") === "oneshot" ? "oneshot" : "simple",
    ends: runOf(start ?? ""),
    remains: last("RemainAfterExit") === "yes",
    stopMs: Math.min(stop?.afterMs ?? 0, patienceMs) + (isStubborn ? patienceMs : 0),
    isStubborn,
    isLeased: LEASE_BOUND.every((line) => saysLine(unit, line)),
  };
}

function saysLine(unit: UnitFile, line: string): boolean {
  const [name = "", value = ""] = line.split("=");
  return optionValues(unit, "Unit", name).includes(value);
}

/** systemd ignores lines it cannot read; the fake then takes the file for empty. */
function readOrNothing(text: string, file: string): UnitFile {
  try {
    return parseUnitFile(text, file);
  } catch (error) {
    if (error instanceof Fault && error.code === "UNIT_FILE_INVALID")
      return { options: [], warnings: [] };
    throw error;
  }
}

function runOf(command: string): FakeProgram["ends"] {
  const [program, argument] = command.split(" ");
  if (program === "/bin/true") return { afterMs: 0, status: 0 };
  if (program === "/bin/false") return { afterMs: 0, status: 1 };
  if (program === "/bin/sleep" && argument !== "infinity")
    return { afterMs: Number(argument) * 1_000, status: 0 };
  return undefined;
}
