import { optionValues, type UnitFile } from "./unit-file.ts";

/** What enabling a unit does, [Install] in systemd.unit(5). */
export interface InstallSection {
  readonly wantedBy: readonly string[];
  readonly requiredBy: readonly string[];
  readonly alias: readonly string[];
  readonly also: readonly string[];
  readonly defaultInstance: string | undefined;
}

export function installSection(file: UnitFile): InstallSection {
  return {
    wantedBy: nameList(optionValues(file, "Install", "WantedBy")),
    requiredBy: nameList(optionValues(file, "Install", "RequiredBy")),
    alias: nameList(optionValues(file, "Install", "Alias")),
    also: nameList(optionValues(file, "Install", "Also")),
    defaultInstance: optionValues(file, "Install", "DefaultInstance").at(-1) || undefined,
  };
}

/** Whether enabling the unit does anything. */
export function isInstallable(file: UnitFile): boolean {
  const { wantedBy, requiredBy, alias, also } = installSection(file);
  return [wantedBy, requiredBy, alias, also].some((names) => names.length > 0);
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
