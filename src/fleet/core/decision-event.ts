import type { EventToTell } from "./fleet-event.ts";
import type { MachineId } from "./machine-id.ts";
import type { Decision } from "./schedule.ts";

const PAST = { place: "placed", move: "moved", unplace: "unplaced" } as const;

/** A decision that the engine on this machine carried out, as an event. */
export function eventOf(
  decision: Exclude<Decision, { kind: "wait" }>,
  engine: MachineId,
): EventToTell {
  const { kind, unit, reason } = decision;
  return {
    what: PAST[kind],
    unit,
    machine: kind === "unplace" ? decision.from : decision.to,
    who: `engine on ${engine}`,
    why: reason,
    ...(kind === "move" && { before: decision.from, after: decision.to }),
  };
}
