import type { Command } from "./command.ts";
import { COMMANDS, type Entry, usageOf } from "./commands.ts";
import type { Flag } from "./flags.ts";
import { GLOBAL_FLAGS, HELP_FLAG } from "./global-flags.ts";

const PLACEHOLDERS = { bool: "", text: " value", integer: " value", duration: " duration" };

export async function programHelp(version: string): Promise<string> {
  return `${[
    "NAME:\n   etcdctl - read, write and watch keys of an etcd v2 store",
    "USAGE:\n   etcdctl [global options] command [command options] [arguments...]",
    `VERSION:\n   ${version}`,
    `COMMANDS:\n${columns([...(await usages(COMMANDS)), ["help, h", "show the help of a command"]])}`,
    `GLOBAL OPTIONS:\n${flagColumns(GLOBAL_FLAGS)}`,
  ].join("\n\n")}\n`;
}

export async function entryHelp(path: string, entry: Entry): Promise<string> {
  if (entry.kind === "command") return commandHelp(path, await entry.load());
  return `${[
    `NAME:\n   etcdctl ${path} - ${entry.usage}`,
    `USAGE:\n   etcdctl ${path} command [command options] [arguments...]`,
    `COMMANDS:\n${columns(await usages(entry.entries))}`,
    `OPTIONS:\n${flagColumns([HELP_FLAG])}`,
  ].join("\n\n")}\n`;
}

function commandHelp(path: string, { usage, argsUsage, description, flags }: Command): string {
  const options = flags.length > 0 ? " [command options]" : "";
  const args = argsUsage === "" ? "" : ` ${argsUsage}`;
  return `${[
    `NAME:\n   etcdctl ${path} - ${usage}`,
    `USAGE:\n   etcdctl ${path}${options}${args}`,
    ...(description === undefined ? [] : [`DESCRIPTION:\n   ${description}`]),
    ...(flags.length === 0 ? [] : [`OPTIONS:\n${flagColumns(flags)}`]),
  ].join("\n\n")}\n`;
}

async function usages(entries: Readonly<Record<string, Entry>>): Promise<[string, string][]> {
  const named = Object.entries(entries);
  return Promise.all(
    named.map(async ([name, entry]): Promise<[string, string]> => [name, await usageOf(entry)]),
  );
}

function flagColumns(flags: readonly Flag[]): string {
  return columns(
    flags.map(({ name, alias, kind, usage }) => {
      const forms = alias === undefined ? [name] : [name, alias];
      const dashed = forms.map((form) => `${form.length === 1 ? "-" : "--"}${form}`);
      return [dashed.map((form) => form + PLACEHOLDERS[kind]).join(", "), usage];
    }),
  );
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `   ${left.padEnd(width)}  ${right}`).join("\n");
}
