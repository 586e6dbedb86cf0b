import { Fault } from "#base/fault.ts";
import { nearestWord } from "#unitfile/core/nearest-word.ts";
import {
  type Command,
  CREATE_HELP,
  FULL,
  fields,
  JSON_FLAG,
  NO_LEGEND,
  PATTERN_HELP,
  REPLACE,
} from "./command.ts";
import type { FlagSpec } from "./flags.ts";
import { bool, text } from "./global-flags.ts";
import { habitual } from "./habits.ts";
import { MACHINE_COMMANDS } from "./machine-commands.ts";
import { SCRIPT_COMMANDS } from "./script-commands.ts";
import { TIMER_COMMANDS } from "./timer-commands.ts";
import { versionCommands } from "./version-commands.ts";

const SIGN = bool(["sign"], false, "Accepted for compatibility, without effect");
/** Keelson's machines are asked through the API. */
const FOR_SSH = [
  bool(["sudo"], false, "On a machine with the original's agent: ask by sudo"),
  {
    names: ["ssh-port"],
    kind: "int",
    default: 22,
    help: "Where sshd listens on a machine with the original's agent",
  },
] as const satisfies readonly FlagSpec[];

function blocking(reached: string): readonly FlagSpec[] {
  return [
    {
      names: ["block-attempts"],
      kind: "int",
      default: 0,
      help: `Wait at most N attempts of 2 seconds for units to be ${reached}; 0 waits without limit`,
    },
    bool(["no-block"], false, `Do not wait for units to be ${reached}`),
  ];
}

/** Those of the original, with what was added to them. */
const ORIGINAL_COMMANDS: readonly Command[] = [
  {
    name: "cat",
    synopsis: "[--json] UNIT",
    summary: "Print the file of a unit",
    description: "Prints a unit's file as the cluster keeps it: without comments.",
    flags: [JSON_FLAG],
    offers: "units",
    load: async () => (await import("./cat.ts")).runCat,
  },
  {
    name: "destroy",
    synopsis: "UNIT...",
    summary: "Stop units and remove them from the cluster",
    description: `Units that run are stopped by the machines they run on.\n${PATTERN_HELP}`,
    flags: blocking("gone"),
    offers: "units",
    load: async () => (await import("./destroy.ts")).runDestroy,
  },
  {
    name: "fd-forward",
    synopsis: "SOCKET",
    summary: "Carry standard input and output to and from a unix socket",
    description: "Tunnels of the original's fleetctl run it on the machine that they go through.",
    flags: [],
    offers: "files",
    load: async () => (await import("./fd-forward.ts")).runFdForward,
  },
  {
    name: "journal",
    synopsis:
      "[--lines=N] [--since=TIME] [--until=TIME] [--grep=PATTERN] [-f] [--output=FORMAT] UNIT...",
    summary: "Print the journal of units",
    description: `Prints what journalctl has on the machines where the units run, by time, each line under its machine where there are several.
With -f it follows a unit to the machine that it moves to.`,
    flags: [
      text(["since"], "", 'From when, in journalctl\'s words: "1 hour ago", 2026-01-31, today'),
      text(["until"], "", "Until when"),
      text(["grep", "g"], "", "Only lines that match this regular expression"),
      { names: ["lines", "n"], kind: "int", default: 10, help: "How many of the newest lines" },
      bool(["follow", "f"], false, "Go on with new lines until interrupted"),
      text(["output", "o"], "short", "journalctl's output format, such as short-iso, json or cat"),
      ...FOR_SSH,
    ],
    offers: "units",
    load: async () => (await import("./journal.ts")).runJournal,
  },
  {
    name: "list-machines",
    synopsis: "[--fields=LIST] [-l|--full] [--no-legend] [--json]",
    summary: "List the machines of the cluster",
    description: "Lists machines that are present now.",
    flags: [
      fields("machine,ip,metadata", "host,ip,machine,metadata,state"),
      FULL,
      NO_LEGEND,
      JSON_FLAG,
    ],
    offers: [],
    load: async () => (await import("./list-machines.ts")).runListMachines,
  },
  {
    name: "list-unit-files",
    synopsis: "[--fields=LIST] [-l|--full] [--no-legend] [--json] [PATTERN...]",
    summary: "List the units the cluster knows",
    description:
      "Lists units whether or not a machine runs them, with the wanted (DSTATE) and the present STATE.",
    flags: [
      fields("unit,hash,dstate,state,target", "desc,dstate,global,hash,state,target,tmachine,unit"),
      FULL,
      NO_LEGEND,
      JSON_FLAG,
    ],
    offers: "units",
    load: async () => (await import("./list-unit-files.ts")).runListUnitFiles,
  },
  {
    name: "list-units",
    synopsis: "[--fields=LIST] [-l|--full] [--no-legend] [--json] [PATTERN...]",
    summary: "List units that are loaded, with their state in systemd",
    description: "One line for each unit and machine it is loaded on.",
    flags: [
      fields("unit,machine,active,sub", "active,hash,health,load,machine,result,sub,unit"),
      FULL,
      NO_LEGEND,
      JSON_FLAG,
    ],
    offers: "units",
    load: async () => (await import("./list-units.ts")).runListUnits,
  },
  {
    name: "load",
    synopsis: "[--no-block|--block-attempts=N] [--replace] UNIT...",
    summary: "Place units on machines, without starting them",
    description: CREATE_HELP,
    flags: [...blocking("loaded"), REPLACE, SIGN],
    offers: "units and files",
    load: async () => (await import("./start.ts")).runLoad,
  },
  {
    name: "restart",
    synopsis: "[--no-block|--block-attempts=N] UNIT...",
    summary: "Stop units and start them again",
    description: PATTERN_HELP,
    flags: blocking("started again"),
    offers: "units",
    load: async () => (await import("./restart.ts")).runRestart,
  },
  {
    name: "ssh",
    synopsis: "[-A] [--ssh-port=N] MACHINE|UNIT|--machine=ID|--unit=UNIT [--] [COMMAND...]",
    summary: "Log in to a machine of the cluster, or run a command there",
    description:
      "Uses ssh(1), its keys and its agent. A machine is named by the beginning of its id, or by a unit that runs there.\nPut -- before a command with flags of its own.",
    flags: [
      { ...text(["machine"], "", "The beginning of a machine's id"), offers: "machines" },
      { ...text(["unit"], "", "A unit, for the machine where it runs"), offers: "units" },
      bool(["forward-agent", "A"], false, "Let the machine use the keys of the ssh agent here"),
      { names: ["ssh-port"], kind: "int", default: 22, help: "Where the machine's sshd listens" },
    ],
    offers: "machines and units",
    load: async () => (await import("./ssh.ts")).runSsh,
  },
  {
    name: "start",
    synopsis: "[--no-block|--block-attempts=N] [--replace] UNIT...",
    summary: "Place units on machines and start them",
    description: `Waits until systemd says they are active, or fails with what it says instead.\n${CREATE_HELP}`,
    flags: [...blocking("active"), REPLACE, SIGN],
    offers: "units and files",
    load: async () => (await import("./start.ts")).runStart,
  },
  {
    name: "status",
    synopsis: "[--json] UNIT...",
    summary: "Print what systemctl status says of units",
    description: `Asks the machines the units run on; exits with the highest status systemctl gave.\n${PATTERN_HELP}`,
    flags: [...FOR_SSH, JSON_FLAG],
    offers: "units",
    load: async () => (await import("./status.ts")).runStatus,
  },
  {
    name: "stop",
    synopsis: "[--no-block|--block-attempts=N] UNIT...",
    summary: "Stop units; they stay loaded on their machines",
    description: PATTERN_HELP,
    flags: blocking("stopped"),
    offers: "units",
    load: async () => (await import("./stop.ts")).runStop,
  },
  {
    name: "submit",
    synopsis: "[--replace [--no-block|--block-attempts=N]] UNIT...",
    summary: "Make units known to the cluster, without placing them",
    description: CREATE_HELP,
    flags: [...blocking("updated"), REPLACE, SIGN],
    offers: "units and files",
    load: async () => (await import("./submit.ts")).runSubmit,
  },
  {
    name: "unload",
    synopsis: "[--no-block|--block-attempts=N] UNIT...",
    summary: "Stop units and take them off their machines; the cluster still knows them",
    description: PATTERN_HELP,
    flags: blocking("off their machines"),
    offers: "units",
    load: async () => (await import("./stop.ts")).runUnload,
  },
  {
    name: "verify",
    synopsis: "UNIT",
    summary: "Say that signed units are no more",
    description: "Deprecated in the original; exits with 2.",
    flags: [],
    offers: "units",
    load: async () => async (session) => {
      session.err('Command "verify" is deprecated, DEPRECATED - No longer works');
      session.err("WARNING: The signed/verified units feature is DEPRECATED and cannot be used.");
      return 2;
    },
  },
  {
    name: "version",
    synopsis: "[--json]",
    summary: "Print the version",
    description: "Prints the version of fleet this program speaks for, and its own.",
    flags: [JSON_FLAG],
    offers: [],
    load: async () => (await import("./version.ts")).runVersion,
  },
];

/** In the order the help lists them. */
export const COMMANDS: readonly Command[] = [
  ...ORIGINAL_COMMANDS,
  ...SCRIPT_COMMANDS,
  ...MACHINE_COMMANDS,
  ...TIMER_COMMANDS,
  ...versionCommands(blocking("updated")),
].toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** Whether fleet 1.0 has the command. */
export function isOriginal(name: string): boolean {
  return ORIGINAL_COMMANDS.some((command) => command.name === name);
}

/**
 * The command of that name, or the only one whose name begins so.
 * @throws {Fault} USAGE naming what exists.
 */
export function findCommand(name: string): Command {
  const exact = COMMANDS.find((command) => command.name === name);
  if (exact !== undefined) return exact;
  const begun = COMMANDS.filter((command) => command.name.startsWith(name));
  if (begun.length === 1) return begun[0]!;
  const names = COMMANDS.map((command) => command.name);
  const habit = habitual(name);
  if (begun.length === 0 && habit !== undefined)
    throw new Fault(
      "USAGE",
      `Cannot run command "${name}": fleetctl has for that ${habit}; fleetctl help lists all`,
    );
  const near = nearestWord(name, names);
  const hint = near === undefined || begun.length > 0 ? "" : `; did you mean ${near}?`;
  throw new Fault(
    "USAGE",
    begun.length > 1
      ? `Cannot run command "${name}": it could be ${begun.map((c) => c.name).join(" or ")}`
      : `Cannot run command "${name}": fleetctl has help, ${names.join(", ")}${hint}`,
  );
}
