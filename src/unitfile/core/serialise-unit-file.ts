import { Fault } from "#base/fault.ts";
import { trim } from "./blanks.ts";
import { parseUnitFile } from "./parse-unit-file.ts";
import type { UnitFile, UnitOption } from "./unit-file.ts";

/** An assignment as APIs carry it, without its place in a file. */
export type BareOption = Omit<UnitOption, "line">;

/**
 * The text of these options, normalised as fleet stores it and `fleetctl cat` prints it: options keep their order,
 * grouped by section in the order in which sections first appear. A unit's hash is the SHA-1 of this text.
 */
export function serialiseUnitFile(options: readonly BareOption[]): string {
  const sections = groupBySection(options);
  return [...sections]
    .map(([name, own]) => `[${name}]\n${own.map((o) => `${o.name}=${o.value}\n`).join("")}`)
    .join("\n");
}

/**
 * The unit file that these options make, for options that do not come from a file.
 * @throws {Fault} UNIT_FILE_INVALID when they cannot be written as a unit file, such as a value with a bare newline
 */
export function unitFileFromOptions(options: readonly BareOption[], file: string): UnitFile {
  const unitFile = parseUnitFile(serialiseUnitFile(options), file);
  const wanted = [...groupBySection(options).values()].flat();
  for (const [i, option] of wanted.entries()) {
    const got = unitFile.options[i];
    if (got === undefined || !isSame(option, got)) throw unwritable(option, file);
  }
  const extra = unitFile.options[wanted.length];
  if (extra !== undefined) throw unwritable(extra, file);
  return unitFile;
}

function groupBySection(options: readonly BareOption[]): Map<string, BareOption[]> {
  return Map.groupBy(options, (option) => option.section);
}

function isSame(a: BareOption, b: BareOption): boolean {
  return a.section === b.section && a.name === b.name && trim(a.value) === trim(b.value);
}

function unwritable({ section, name }: BareOption, file: string): Fault {
  const reason = `option ${JSON.stringify(name)} in section ${JSON.stringify(section)} cannot be written`;
  return new Fault(
    "UNIT_FILE_INVALID",
    `Cannot use the options of ${file}: ${reason}; a value may hold a newline only after a backslash`,
    { facts: { file, reason } },
  );
}
