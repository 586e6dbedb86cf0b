import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { Fault, reasonOf } from "#base/fault.ts";

/** Whether a command takes names of machines beside its options. */
export type Operands = "names" | "none";

/** Of every command about machines. */
export const COMMON_OPTIONS = { project: { type: "string" } } as const;

/**
 * Splits a subcommand's arguments into options and the rest, which may stand in any order.
 * @throws {Fault} USAGE naming the command's help.
 */
export function parseOptions<const Options extends ParseArgsOptionsConfig>(
  command: string,
  args: readonly string[],
  operands: Operands,
  options: Options,
) {
  try {
    return parseArgs({
      args: [...args],
      options,
      allowPositionals: operands === "names",
      strict: true,
    });
  } catch (cause) {
    const [first] = reasonOf(cause).split(". ");
    throw new Fault("USAGE", `${first}; \`keelson help ${command}\` shows what it takes`, {
      cause,
    });
  }
}

/** A whole number of an option. @throws {Fault} USAGE */
export function parseCount(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text))
    throw new Fault("USAGE", `Cannot use --${option} ${text}: expected a whole number`);
  return Number(text);
}
