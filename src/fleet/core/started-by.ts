import { expandMachineSpecifiers, expandUnitSpecifiers } from "#unitfile/core/specifiers.ts";
import { type UnitName, unitNameParts } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { Unit } from "./unit.ts";

/** Options by which a unit starts others, systemd.unit(5). */
const DEPENDENCIES: readonly string[] = [
  "Wants",
  "Requires",
  "BindsTo",
  "Upholds",
  "OnFailure",
  "OnSuccess",
];

/** Types that start another unit by themselves: the section and the option that name it, and else its type. */
const TRIGGERS: Readonly<Record<string, readonly [section: string, option: string, type: string]>> =
  {
    socket: ["Socket", "Service", "service"],
    timer: ["Timer", "Unit", "service"],
    path: ["Path", "Unit", "service"],
    automount: ["Automount", "", "mount"],
  };

/** Names of units that systemd starts because of this one. */
export function startedBy({ name, file }: Unit): ReadonlySet<string> {
  const { stem, type } = unitNameParts(name);
  const names = file.options
    .filter((one) => one.section === "Unit" && DEPENDENCIES.includes(one.name))
    .flatMap(({ value }) => value.split(/\s+/));
  const [section, option, of] = TRIGGERS[type] ?? [];
  if (of !== undefined) {
    const own = file.options.findLast((one) => one.section === section && one.name === option);
    names.push(own?.value.trim() || `${stem}.${of}`);
  }
  const expanded = names.map((one) =>
    expandMachineSpecifiers(expandUnitSpecifiers(one, name), undefined),
  );
  return new Set(expanded);
}

/** Whether one of these units has systemd start the other, as a socket does with its service. */
export function isStartedByOneOf(
  model: ClusterModel,
  units: Iterable<UnitName>,
  name: UnitName,
): boolean {
  for (const other of units) {
    const unit = other === name ? undefined : model.jobs.get(other)?.unit;
    if (unit !== undefined && startedBy(unit).has(name)) return true;
  }
  return false;
}
