import type { Command } from "./command.ts";
import type { FlagSpec } from "./flags.ts";

/** The help of the program. */
export function programHelp(commands: readonly Command[], globals: readonly FlagSpec[]): string {
  const width = Math.max(...commands.map((command) => command.name.length));
  const list = commands.map((command) => `\t${command.name.padEnd(width)}  ${command.summary}`);
  return sections([
    ["NAME", ["\tfleetctl - run systemd units across the machines of a cluster"]],
    ["USAGE", ["\tfleetctl [global options] COMMAND [options] [arguments]"]],
    ["COMMANDS", [...list, `\t${"help".padEnd(width)}  Print this, or the help of a command`]],
    ["GLOBAL OPTIONS", flagLines(globals)],
  ]);
}

/** The help of one command. */
export function commandHelp(command: Command, globals: readonly FlagSpec[]): string {
  return sections([
    ["NAME", [`\t${command.name} - ${command.summary}`]],
    ["USAGE", [`\tfleetctl ${command.name} ${command.synopsis}`.trimEnd()]],
    ["DESCRIPTION", command.description.split("\n").map((line) => `\t${line}`)],
    ["OPTIONS", flagLines(command.flags)],
    ["GLOBAL OPTIONS", flagLines(globals)],
  ]);
}

function sections(all: readonly (readonly [string, readonly string[]])[]): string {
  return all
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}:\n${lines.join("\n")}\n`)
    .join("\n");
}

function flagLines(flags: readonly FlagSpec[]): string[] {
  const heads = flags.map(flagHead);
  const width = Math.max(0, ...heads.map((head) => head.length));
  return flags.map((flag, i) => `  ${heads[i]!.padEnd(width)}  ${flag.help}${defaultOf(flag)}`);
}

function flagHead(flag: FlagSpec): string {
  const names = flag.names.map((name) => (name.length === 1 ? `-${name}` : `--${name}`));
  return names.join(", ") + (flag.kind === "bool" ? "" : `=${flag.kind.toUpperCase()}`);
}

function defaultOf(flag: FlagSpec): string {
  const unremarkable = flag.default === false || flag.default === "" || flag.default === 0;
  return unremarkable ? "" : ` (default ${JSON.stringify(flag.default)})`;
}
