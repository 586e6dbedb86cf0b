import type { FlagSpec } from "./flags.ts";
import { bool, text } from "./global-flags.ts";
import type { RunCommand } from "./session.ts";

/** A command as the help shows it, the command line is checked by it, and shells complete it. */
export interface Command {
  readonly name: string;
  /** After the name, in the help. */
  readonly synopsis: string;
  readonly summary: string;
  readonly description: string;
  readonly flags: readonly FlagSpec[];
  /** What a shell offers as arguments. */
  readonly offers:
    | "units"
    | "units and files"
    | "machines"
    | "machines and units"
    | "files"
    | readonly string[];
  /** Loads the code, so that a command starts without that of the others. */
  readonly load: () => Promise<RunCommand>;
}

export const FULL = bool(["full", "l"], false, "Print ids and hashes in full");
export const NO_LEGEND = bool(["no-legend"], false, "Print no line with the names of the columns");
export const REPLACE = bool(["replace"], false, "Replace units that differ from the file here");
export const JSON_FLAG = bool(
  ["json"],
  false,
  "Print results as a JSON array, and errors as JSON on stderr",
);

export function fields(value: string, known: string): FlagSpec {
  return {
    ...text(["fields"], value, `Columns to print, separated by commas: any of ${known}`),
    offers: known.split(","),
  };
}

export const NAMES_HELP =
  "A name without a type means a service. {1..3} and {a,b} in a name stand for several names.";
export const NAME_HELP = "A name without a type means a service.";
export const PATTERN_HELP = `${NAMES_HELP}\nPatterns with * ? [a-z] stand for all units in the cluster that match.`;
export const CREATE_HELP = `Each UNIT is a unit of the cluster, a file on this machine, or an instance of a template in either.\n${NAMES_HELP}`;
