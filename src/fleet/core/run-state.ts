import { parseTimeSpanMs } from "#unitfile/core/time-span.ts";
import type { UnitStateRecord } from "./records.ts";
import type { Unit } from "./unit.ts";

/** What a machine's report says of a unit that was started. */
export type RunState =
  | { readonly kind: "up" }
  | { readonly kind: "coming"; readonly why: string }
  /** It ended, or is yet to begin; a report from before its start may look so, for a moment. */
  | { readonly kind: "ended"; readonly why: string }
  | { readonly kind: "failed"; readonly why: string }
  /** It ended and systemd starts it again. */
  | { readonly kind: "restarting"; readonly why: string };

export function runState(unit: Unit, state: UnitStateRecord, launched: boolean): RunState {
  const { loadState, activeState, subState } = state;
  const why = activeState === subState ? activeState : `${activeState} (${subState})`;
  if (loadState !== "loaded" && loadState !== "") return { kind: "failed", why: loadState };
  if (subState === "auto-restart" || subState === "auto-restart-queued")
    return { kind: "restarting", why };
  switch (activeState) {
    case "active":
    case "reloading":
    case "refreshing":
      return { kind: "up" };
    case "inactive":
      if (!launched) return { kind: "coming", why };
      return isOneshot(unit) ? { kind: "up" } : { kind: "ended", why };
    case "failed":
      return { kind: "failed", why };
    default:
      return { kind: "coming", why };
  }
}

function isOneshot({ file }: Unit): boolean {
  return lastOf(file, "Type") === "oneshot";
}

const DEFAULT_TIMEOUT_MS = 90_000; // DefaultTimeoutStartSec and DefaultTimeoutStopSec, systemd-system.conf(5)
const TIMEOUT_MS_MAX = 86_400_000;

/** How long systemd waits for the unit to start or to stop, systemd.service(5); a day stands for infinity. */
export function timeoutMs({ file }: Unit, of: "start" | "stop"): number {
  const text = lastOf(file, of === "start" ? "TimeoutStartSec" : "TimeoutStopSec");
  const value = text ?? lastOf(file, "TimeoutSec");
  if (value === "infinity" || value === "0") return TIMEOUT_MS_MAX;
  // A oneshot unit takes its time unless it says how long, systemd.service(5).
  const usual = of === "start" && lastOf(file, "Type") === "oneshot" ? TIMEOUT_MS_MAX : undefined;
  return parseTimeSpanMs(value ?? "") ?? usual ?? DEFAULT_TIMEOUT_MS;
}

function lastOf(file: Unit["file"], key: string): string | undefined {
  return file.options.findLast((one) => one.section === "Service" && one.name === key)?.value;
}
