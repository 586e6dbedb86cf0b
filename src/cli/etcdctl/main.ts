import { FAULTS, Fault } from "#base/fault.ts";
import { VERSION } from "#cli/keelson/help.ts";
import { type Io, isTerminal, type Program } from "#cli/program.ts";
import { KeysError } from "#keys/core/keys-error.ts";
import { type CommandRun, EXIT, Refusal } from "./command.ts";
import { COMMANDS, type Entry } from "./commands.ts";
import { detailOf, explain } from "./explain.ts";
import { type FlagValues, parseFlags } from "./flags.ts";
import { GLOBAL_FLAGS, HELP_FLAG } from "./global-flags.ts";
import { entryHelp, programHelp } from "./help.ts";

const ETCDCTL_VERSION = "3.4.23"; // the release of etcd whose interface this program offers
/** Ours is build metadata, as in semver.org: scripts that compare versions pass over it. */
const SHOWN_VERSION = `${ETCDCTL_VERSION}+keelson.${VERSION}`;

/** etcdctl for etcd's v2 API: its flags, environment, output and exit statuses. */
export const etcdctl: Program = async (line, io) => {
  const { values: globals, args, mistake } = parseFlags(GLOBAL_FLAGS, line, "leading");
  if (mistake !== undefined) {
    io.stdout.write(`Incorrect Usage. ${mistake}\n\n${await programHelp(SHOWN_VERSION)}`);
    io.stderr.write(`${mistake}\n`);
    return EXIT.badArguments;
  }
  if (globals.bool("version")) {
    io.stdout.write(`etcdctl version: ${SHOWN_VERSION}\nAPI version: 2\n`);
    return 0;
  }
  if (globals.bool("help") || args.length === 0) return showProgramHelp(io);
  return runEntry({ path: [], entries: COMMANDS, globals, io }, args);
};

interface Scope {
  /** The groups gone through to get here. */
  readonly path: readonly string[];
  readonly entries: Readonly<Record<string, Entry>>;
  readonly globals: FlagValues;
  readonly io: Io;
}

async function runEntry(scope: Scope, [name = "", ...line]: readonly string[]): Promise<number> {
  const { io, globals } = scope;
  if (name === "help" || name === "h") return showHelp(scope, line);
  const entry = Object.hasOwn(scope.entries, name) ? scope.entries[name] : undefined;
  if (entry === undefined) return unknown(scope, name);
  const path = [...scope.path, name];
  const command = entry.kind === "command" ? await entry.load() : undefined;
  const flags = [...(command?.flags ?? []), HELP_FLAG];
  const place = command === undefined ? "leading" : "anywhere";
  const { values, args, mistake } = parseFlags(flags, line, place);
  const help = await entryHelp(path.join(" "), entry);
  if (mistake !== undefined) {
    const mark = command === undefined ? "." : ":";
    io.stdout.write(`Incorrect Usage${mark} ${mistake}\n\n${help}`);
    io.stderr.write(`${mistake}\n`);
    return EXIT.badArguments;
  }
  if (values.bool("help") || (entry.kind === "group" && args.length === 0)) {
    io.stdout.write(help);
    return 0;
  }
  if (entry.kind === "group") return runEntry({ path, entries: entry.entries, globals, io }, args);
  try {
    return (await command?.run({ flags: values, args, globals, io })) ?? 0;
  } catch (error) {
    return await report(error, { flags: values, args, globals, io });
  }
}

async function report(error: unknown, given: CommandRun): Promise<number> {
  const { io } = given;
  io.signal.throwIfAborted();
  const known = error instanceof Refusal || error instanceof KeysError || error instanceof Fault;
  if (!known) throw error;
  const isPlain = error instanceof Refusal && error.plain;
  const cause = error instanceof Refusal ? (error.cause ?? error) : error;
  io.stderr.write(isPlain ? `${error.message}\n` : `Error:  ${explain(cause)}\n${detailOf(cause)}`);
  await hint(io, ({ hintForError }) => hintForError(error, given));
  if (error instanceof Refusal) return error.exit;
  const isOfTheCommandLine = error instanceof Fault && FAULTS[error.code].http !== 503;
  return isOfTheCommandLine && error.code !== "TIMED_OUT" ? EXIT.badArguments : EXIT.serverError;
}

async function showProgramHelp(io: Io): Promise<number> {
  io.stdout.write(await programHelp(SHOWN_VERSION));
  return 0;
}

async function showHelp(scope: Scope, names: readonly string[]): Promise<number> {
  const { path, entries, io } = scope;
  const [name, ...rest] = names;
  if (name === undefined && path.length === 0) return showProgramHelp(io);
  const entry = name === undefined ? parentOf(path) : entries[name];
  if (entry === undefined) return unknown(scope, name ?? "");
  const here = name === undefined ? path : [...path, name];
  if (entry.kind === "group" && rest.length > 0)
    return showHelp({ path: here, entries: entry.entries, globals: NOTHING, io }, rest);
  io.stdout.write(await entryHelp(here.join(" "), entry));
  return 0;
}

const NOTHING = parseFlags([], [], "leading").values;

function parentOf(path: readonly string[]): Entry | undefined {
  return COMMANDS[path.at(-1) ?? ""];
}

async function unknown({ io, path, entries }: Scope, name: string): Promise<number> {
  io.stderr.write(`No help topic for '${name}'\n`);
  await hint(io, ({ hintForUnknown }) => hintForUnknown(name, path, Object.keys(entries)));
  return EXIT.unknownCommand;
}

/** One line more than the original has, for people: scripts see what the original prints. */
async function hint(
  { stderr }: Io,
  about: (hints: typeof import("./hints.ts")) => string | undefined,
): Promise<void> {
  if (!isTerminal(stderr)) return;
  const text = about(await import("./hints.ts"));
  if (text !== undefined) stderr.write(`hint: ${text}\n`);
}
