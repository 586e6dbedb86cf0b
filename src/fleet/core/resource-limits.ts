import { optionValues, type UnitFile } from "#unitfile/core/unit-file.ts";
import { type UnitType, unitNameParts } from "#unitfile/core/unit-name.ts";
import type { Unit } from "./unit.ts";

/** The section of a type's own settings, where it runs processes, systemd.resource-control(5). */
const SECTIONS: Partial<Readonly<Record<UnitType, string>>> = {
  service: "Service",
  socket: "Socket",
  mount: "Mount",
  swap: "Swap",
  slice: "Slice",
};
const MEMORY_SETTINGS = ["MemoryMax", "MemoryLimit"];
const CPU_SETTINGS = ["CPUWeight", "CPUShares", "CPUQuota"];
const MILLICORES_PER_WEIGHT = 10; // systemd's default weight, 100, for one core
const WEIGHT_MAX = 10_000; // CPUWeight, systemd.resource-control(5)

/**
 * The drop-in that holds a unit to what it says it needs; undefined when there is nothing to say. Memory is a limit, for
 * what one takes beyond its need another was promised; processor time is a share, for what nobody uses may be used.
 * What the unit file itself says about either stands.
 */
export function resourceDropIn({ name, wants, file }: Unit): string | undefined {
  const section = SECTIONS[unitNameParts(name).type];
  if (section === undefined) return undefined;
  const lines: string[] = [];
  if (wants.memoryBytes > 0 && !saysAny(file, section, MEMORY_SETTINGS))
    lines.push(`MemoryMax=${wants.memoryBytes}`);
  if (wants.millicores > 0 && !saysAny(file, section, CPU_SETTINGS)) {
    const weight = Math.round(wants.millicores / MILLICORES_PER_WEIGHT);
    lines.push(`CPUWeight=${Math.min(WEIGHT_MAX, Math.max(1, weight))}`);
  }
  if (lines.length === 0) return undefined;
  return `# From MemoryNeed and CPUNeed in [X-Fleet]; what fleetd writes here it also removes.\n[${section}]\n${lines.join("\n")}\n`;
}

function saysAny(file: UnitFile, section: string, names: readonly string[]): boolean {
  return names.some((name) => optionValues(file, section, name).length > 0);
}
