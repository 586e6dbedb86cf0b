import { systemClock } from "#base/clock.ts";
import { FAULTS, Fault } from "#base/fault.ts";
import type { Io, Program } from "#cli/program.ts";
import type { Command } from "./command.ts";
import { COMMANDS, findCommand, isOriginal } from "./commands.ts";
import { firstArgument, parseFlags } from "./flags.ts";
import { GLOBAL_FLAGS } from "./global-flags.ts";
import { jsonError } from "./json.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";

/** What may stand before the command's name. */
const ALL_FLAGS = [...GLOBAL_FLAGS, ...COMMANDS.flatMap((command) => command.flags)];

/**
 * `fleetctl`: submits, starts, lists, follows and removes the units of a cluster through the fleet API.
 * docs/reference-fleetctl.md lists its commands, flags and exit statuses, and how they differ from the original's.
 */
export const fleetctl: Program = async (words, io) => {
  try {
    return await runWords(words, io);
  } catch (error) {
    if (!(error instanceof Fault) || !asksForJson(words, io)) throw error;
    io.stderr.write(jsonError(error.message, error.code));
    return FAULTS[error.code].exit;
  }
};

async function runWords(words: readonly string[], io: Io): Promise<number> {
  const at = firstArgument(words, ALL_FLAGS);
  const name = words[at];
  if (name === undefined || name === "help") return withoutCommand(words, io);
  const command = findCommand(name);
  const rest = words.toSpliced(at, 1);
  const { flags, args } = parseFor(command, rest, io);
  if (flags.bool("help")) return help(command.name, io);
  if (flags.bool("version")) return run(findCommand("version"), { flags, args }, io);
  return run(command, { flags, args }, io);
}

/** @throws {Fault} USAGE */
function parseFor(command: Command, words: readonly string[], { env }: Io) {
  try {
    return parseFlags(words, [...command.flags, ...GLOBAL_FLAGS], env);
  } catch (error) {
    if (!(error instanceof Fault) || !["exec", "ssh"].includes(command.name)) throw error;
    const hint = "if it is the command's, put -- before the command";
    throw new Fault(error.code, `${error.message}; ${hint}`, { cause: error });
  }
}

/** Told from the words alone, for a command line that may not be understood. */
function asksForJson(words: readonly string[], { env }: Io): boolean {
  const end = words.indexOf("--");
  const flags = words.slice(0, end === -1 ? undefined : end);
  if (flags.some((word) => /^--?json(=(1|t|T|true|TRUE|True))?$/.test(word))) return true;
  return /^(1|t|T|true|TRUE|True)$/.test(env["FLEETCTL_JSON"] ?? "");
}

async function withoutCommand(words: readonly string[], io: Io): Promise<number> {
  const { flags, args } = parseFlags(words, GLOBAL_FLAGS, io.env);
  if (flags.bool("version")) return run(findCommand("version"), { flags, args: [] }, io);
  if (words.length > 0 && args.length === 0 && !flags.bool("help")) throw noCommand(words);
  return help(args[1], io);
}

/** Flags and no command: most likely one that is named like a command took it as its value. */
function noCommand(words: readonly string[]): Fault {
  const [flag, value] = words.slice(-2);
  const hint = COMMANDS.some(({ name }) => name === value)
    ? `, for "${value}" is the value of ${flag} here; write ${flag}=VALUE ${value}`
    : "; fleetctl help lists them";
  return new Fault("USAGE", `Cannot run a command: none is given${hint}`);
}

async function help(name: string | undefined, io: Io): Promise<number> {
  const { commandHelp, programHelp } = await import("./help.ts");
  io.stdout.write(
    name === undefined || name === "help"
      ? programHelp(COMMANDS, GLOBAL_FLAGS)
      : commandHelp(findCommand(name), GLOBAL_FLAGS),
  );
  return 0;
}

async function run(
  command: Command,
  given: Pick<Session, "flags" | "args">,
  io: Io,
): Promise<number> {
  const { openSession } = await import("./open-session.ts");
  const runCommand = await command.load();
  await using session = openSession(
    { ...given, isOriginal: isOriginal(command.name) },
    io,
    systemClock,
  );
  try {
    return await runCommand(session);
  } catch (error) {
    // Told to stop while waiting: that is an end, and main knows its exit status.
    if (io.signal.aborted) throw io.signal.reason;
    if (!(error instanceof Fault) || error.code === "USAGE") throw error;
    const isAway = error.code === "STORE_UNAVAILABLE" && error.facts["status"] === undefined;
    const head = isAway ? `Cannot ${[command.name, ...given.args].join(" ")}: ` : "";
    session.err(`${head}${apiSentence(session, error)}`, error.code);
    return 1;
  }
}
