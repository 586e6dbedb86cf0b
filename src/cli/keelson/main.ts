import { Fault } from "#base/fault.ts";
import { FACES } from "#cli/faces.ts";
import { HELP, helpOf, VERSION } from "#cli/keelson/help.ts";
import type { Io, Program } from "#cli/program.ts";
import { nearestWord } from "#unitfile/core/nearest-word.ts";

const COMMANDS: Readonly<Record<string, () => Promise<Program>>> = {
  quickstart: async () => (await import("#cli/keelson/quickstart.ts")).quickstart,
  up: async () => (await import("#cli/keelson/up.ts")).up,
  status: async () => (await import("#cli/keelson/status.ts")).status,
  ssh: async () => (await import("#cli/keelson/ssh.ts")).ssh,
  "ssh-config": async () => (await import("#cli/keelson/ssh.ts")).sshConfig,
  logs: async () => (await import("#cli/keelson/logs.ts")).logs,
  halt: async () => (await import("#cli/keelson/halt.ts")).halt,
  reload: async () => (await import("#cli/keelson/reload.ts")).reload,
  partition: async () => (await import("#cli/keelson/partition.ts")).partition,
  heal: async () => (await import("#cli/keelson/partition.ts")).heal,
  destroy: async () => (await import("#cli/keelson/destroy.ts")).destroy,
  env: async () => (await import("#cli/keelson/env.ts")).env,
  help: async () => help,
};

/** `keelson COMMAND`: machines for trying and developing. The daemons and clients are faces of their own. */
export async function keelson(args: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version" || name === "version") {
    io.stdout.write(`keelson ${VERSION}\n`);
    return 0;
  }
  if (name === undefined || name === "--help" || name === "-h") return help(rest, io);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (name === "shell")
    throw new Fault("USAGE", 'Cannot run "shell": it is `keelson ssh NAME` now');
  if (name.startsWith("-"))
    throw new Fault(
      "USAGE",
      `Cannot use ${name} here: options stand behind the command, as in \`keelson status --project FILE\`; \`keelson help\` lists them`,
    );
  if (command === undefined) {
    const nearest = nearestWord(name, [...Object.keys(COMMANDS), ...Object.keys(FACES)]);
    const meant = nearest === undefined ? "" : `; did you mean \`keelson ${nearest}\``;
    throw new Fault(
      "USAGE",
      `Cannot run "${name}": no such command${meant}; \`keelson help\` lists them`,
    );
  }
  if (asksForHelp(name, rest)) return help([name], io);
  try {
    return await (await command())(rest, io);
  } catch (error) {
    if (!io.signal.aborted) throw error;
    io.stderr.write(
      "==> interrupted; `keelson status` shows how far it is, and `keelson up` or `keelson destroy` mends it\n",
    );
    return 130; // as shells say it
  }
}

/** Behind a machine's name `ssh` takes the words of another program, whose help may be meant. */
function asksForHelp(command: string, args: readonly string[]): boolean {
  const own = command === "ssh" ? args.slice(0, 1) : args;
  return own.includes("--help") || own.includes("-h");
}

async function help(args: readonly string[], io: Io): Promise<number> {
  const [topic] = args;
  const face = topic === undefined || topic === "keelson" ? undefined : FACES[topic];
  if (face !== undefined) return (await face())(["--help"], io);
  io.stdout.write(topic === undefined ? HELP : helpOf(topic));
  return 0;
}
