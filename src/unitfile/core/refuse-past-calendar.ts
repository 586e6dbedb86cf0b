import { Fault } from "#base/fault.ts";
import { nextElapse } from "./calendar.ts";
import { fleetSection } from "./fleet-section.ts";
import type { UnitFile } from "./unit-file.ts";
import { type UnitName, unitNameParts } from "./unit-name.ts";

/**
 * Refuses a unit that the clock is to start when all that its calendar means is past.
 * @param nowMs in milliseconds since 1970
 * @throws {Fault} UNIT_FILE_INVALID
 */
export function refusePastCalendar(file: UnitFile, name: UnitName, nowMs: number): void {
  // What a template's instances make of %i is judged when they come.
  if (unitNameParts(name).kind === "template") return;
  const { timer } = fleetSection(file, name);
  if (timer === undefined || nextElapse(timer.calendars, nowMs) !== undefined) return;
  const texts = timer.calendars.map(({ text }) => `OnCalendar=${text}`).join(", ");
  const reason = `${texts} is past: the unit would never be started`;
  throw new Fault(
    "UNIT_FILE_INVALID",
    `Cannot use the [X-Fleet] section of ${name}: ${reason}; write a time to come, in UTC or with a time zone behind it`,
    { facts: { file: name, reason } },
  );
}
