import { type Command, FULL, JSON_FLAG, NO_LEGEND } from "./command.ts";
import { bool, text } from "./global-flags.ts";

const WHY = text(["why"], "", "A few words for the record, such as the number of a ticket");
const MACHINE_HELP =
  "MACHINE is an id or its beginning, an address, a host name, or a pattern with * ? [a-z] for these.";

/** Commands that the original has not: for looking after machines. */
export const MACHINE_COMMANDS: readonly Command[] = [
  {
    name: "cordon",
    synopsis: "[--why=TEXT] [--json] MACHINE...",
    summary: "Place no more units on machines; what runs there goes on",
    description: `A machine stays cordoned, also when it reboots, until it is uncordoned.\n${MACHINE_HELP}`,
    flags: [WHY, JSON_FLAG],
    offers: "machines",
    load: async () => (await import("./each-machine.ts")).runCordon,
  },
  {
    name: "drain",
    synopsis: "[--deadline=DURATION] [--no-block] [--why=TEXT] [--json] MACHINE",
    summary: "Cordon a machine and move its units elsewhere",
    description: `A few units move at a time, each only where it fits, and waited for until it is active there; one that fits nowhere
waits. Exits with 1 when units go on there: global ones, and those that ask for this machine.
${MACHINE_HELP}`,
    flags: [
      text(["deadline"], "", "After so long, such as 10m, stop what is left, whatever it is"),
      bool(["no-block"], false, "Do not wait until the units have moved"),
      WHY,
      JSON_FLAG,
    ],
    offers: "machines",
    load: async () => (await import("./drain.ts")).runDrain,
  },
  {
    name: "exec",
    synopsis: "[-i|-t] [--user=USER] [--machine=MACHINE] [--unit=UNIT] [--] [UNIT] COMMAND...",
    summary: "Run a command where a unit runs, seeing what the unit sees, or on a machine",
    description: `Runs it as the unit's user, with its environment, working directory and namespaces; no shell takes the words apart.
With --machine or --unit all arguments are the command: --machine alone runs it on that machine as its fleetd's user,
both choose among the machines of a global unit. Exits with the command's status. Put -- before the command if it has flags.
With -t the command runs in a terminal there, which is the size of the one here and gets all keys, Ctrl-C too.
${MACHINE_HELP}`,
    flags: [
      { ...text(["machine"], "", "The machine to run it on"), offers: "machines" },
      { ...text(["unit"], "", "The unit to run it beside"), offers: "units" },
      text(["user", "u"], "", "Run it as this user of the machine"),
      bool(["interactive", "i"], false, "Send standard input to the command"),
      bool(["tty", "t", "it", "ti"], false, "Run it in a terminal, and send standard input"),
    ],
    offers: "units",
    load: async () => (await import("./exec.ts")).runExec,
  },
  {
    name: "move",
    synopsis: "[--force] [--no-block] [--why=TEXT] [--json] UNIT MACHINE",
    summary: "Move a unit to a machine that it fits",
    description: `Refused, with the reason, where the scheduler would not leave it. Waits until it is active there.
${MACHINE_HELP}`,
    flags: [
      bool(["force"], false, "Also to a cordoned machine, and beyond what the machine has free"),
      bool(["no-block"], false, "Do not wait until it is active there"),
      WHY,
      JSON_FLAG,
    ],
    offers: "machines and units",
    load: async () => (await import("./move.ts")).runMove,
  },
  {
    name: "rebalance",
    synopsis:
      "[--plan] [--max-moves=N] [--include-at-most-once] [-l|--full] [--no-legend] [--why=TEXT] [--json]",
    summary: "Move units so that machines have equally many, and where they prefer",
    description:
      "One after another, each active before the next goes, and each only where it fits.\nUnits that run beside others or are bound to a machine stay.",
    flags: [
      bool(["plan"], false, "Only say what would move"),
      { names: ["max-moves"], kind: "int", default: 10, help: "Move at most so many units" },
      bool(["include-at-most-once"], false, "Also units with AtMostOnce, which are down meanwhile"),
      FULL,
      NO_LEGEND,
      WHY,
      JSON_FLAG,
    ],
    offers: [],
    load: async () => (await import("./rebalance.ts")).runRebalance,
  },
  {
    name: "remove",
    synopsis: "[--force] [--why=TEXT] [--json] MACHINE...",
    summary: "Take machines off the record that are gone for good",
    description: `Their units go elsewhere at once. A machine that is alive is only removed when it is drained, or with --force; it leaves then.\n${MACHINE_HELP}`,
    flags: [
      bool(["force"], false, "Also machines that are alive: their units stop there"),
      WHY,
      JSON_FLAG,
    ],
    offers: "machines",
    load: async () => (await import("./each-machine.ts")).runRemove,
  },
  {
    name: "uncordon",
    synopsis: "[--why=TEXT] [--json] MACHINE...",
    summary: "Let machines take units again, and end their draining",
    description: `Nothing moves back by itself; rebalance moves units to machines that have room.\n${MACHINE_HELP}`,
    flags: [WHY, JSON_FLAG],
    offers: "machines",
    load: async () => (await import("./each-machine.ts")).runUncordon,
  },
];
