import { isUnitName, unitNameParts } from "#unitfile/core/unit-name.ts";

/** The part of a row of ListUnits that is used, org.freedesktop.systemd1(5). */
export type UnitRow = readonly [
  name: string,
  description: string,
  loadState: string,
  activeState: string,
  subState: string,
];

/** Whether systemd answers a question for this name: it refuses templates and what is no unit name. */
export function askableName(name: string): boolean {
  return isUnitName(name) && unitNameParts(name).kind !== "template";
}

/** The state of a unit that systemd does not know. */
export function unknownUnit(name: string) {
  return {
    name,
    description: name,
    loadState: "not-found",
    activeState: "inactive",
    subState: "dead",
  } as const;
}
