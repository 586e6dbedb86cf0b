/** One assignment of a unit file, as written after trimming the outer blanks. */
export interface UnitOption {
  readonly section: string;
  readonly name: string;
  /** Continued lines keep their backslash and newline. */
  readonly value: string;
  /** The line it starts on, counted from 1. */
  readonly line: number;
}

/** Something that is accepted but is probably not what its writer meant. */
export interface UnitFileWarning {
  readonly line: number;
  /** What is so, without the place: `unrecognized requirement in [X-Fleet] section: "Conflict"`. */
  readonly message: string;
  /** What to do about it. */
  readonly advice: string;
}

/** A parsed unit file: every assignment in the order of the file, repeated and empty ones included. */
export interface UnitFile {
  readonly options: readonly UnitOption[];
  readonly warnings: readonly UnitFileWarning[];
}

/** The longest unit file accepted, in UTF-16 units; systemd's own limit for one line, LONG_LINE_MAX. */
export const UNIT_FILE_LENGTH_MAX = 1024 * 1024;

/** All values of `section`'s `name`, in order. */
export function optionValues(file: UnitFile, section: string, name: string): string[] {
  return file.options
    .filter((option) => option.section === section && option.name === name)
    .map((option) => option.value);
}

/** The first `Description=` of [Unit], or an empty text. */
export function unitDescription(file: UnitFile): string {
  return optionValues(file, "Unit", "Description")[0] ?? "";
}
