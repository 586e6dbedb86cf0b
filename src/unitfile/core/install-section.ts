import { optionValues, type UnitFile } from "./unit-file.ts";

/** Settings that enabling acts upon, [Install] in systemd.unit(5). */
const ENABLING = ["WantedBy", "RequiredBy", "Alias", "Also"];

/** Whether enabling the unit does anything. */
export function isInstallable(file: UnitFile): boolean {
  return ENABLING.some((name) => nameList(optionValues(file, "Install", name)).length > 0);
}

/** Names separated by blanks or continued lines; an empty assignment forgets those before it. */
function nameList(values: readonly string[]): string[] {
  const names: string[] = [];
  for (const value of values) {
    const own = value.split(/[\s\\]+/).filter((name) => name !== "");
    if (own.length === 0) names.length = 0;
    else names.push(...own);
  }
  return names;
}
