import * as v from "valibot";
import { isOrMatches } from "#unitfile/core/glob.ts";
import type { FleetEvent } from "./fleet-event.ts";
import { type Parsed, readJson } from "./records.ts";

/** Where events are kept: beside fleet's own keys, not under them, so that nobody has to follow them. */
export function eventDirectory(keyPrefix: string): string {
  return `/${keyPrefix.split("/").filter(Boolean).join("/")}-events`;
}

const Wire = v.array(
  v.object({
    at: v.string(),
    what: v.string(),
    unit: v.optional(v.string()),
    machine: v.optional(v.string()),
    who: v.string(),
    why: v.string(),
    before: v.optional(v.string()),
    after: v.optional(v.string()),
  }),
);

/** The value of one key: events that were told within a moment of each other, by one daemon. */
export function writeEvents(events: readonly FleetEvent[]): string {
  return JSON.stringify(events);
}

export function readEvents(json: string): Parsed<readonly FleetEvent[]> {
  return readJson(Wire, json, (events) => events as readonly FleetEvent[]);
}

/** Which events somebody wants to see; what is undefined does not matter. */
export interface EventFilter {
  /** A name or a glob. */
  readonly unit: string | undefined;
  /** An id or its beginning. */
  readonly machine: string | undefined;
  /** The earliest, as `at` is written. */
  readonly since: string | undefined;
}

export function isWanted(event: FleetEvent, { unit, machine, since }: EventFilter): boolean {
  if (unit !== undefined && (event.unit === undefined || !isOrMatches(unit, event.unit)))
    return false;
  if (machine !== undefined && !machinesOf(event).some((id) => id.startsWith(machine)))
    return false;
  return since === undefined || event.at >= since;
}

/** A move is about both its machines. */
function machinesOf({ machine, before, after }: FleetEvent): string[] {
  return [machine, before, after].flatMap((id) => id ?? []);
}
