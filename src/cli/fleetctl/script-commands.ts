import { AWAITED } from "./awaited.ts";
import {
  type Command,
  CREATE_HELP,
  FULL,
  JSON_FLAG,
  NO_LEGEND,
  PATTERN_HELP,
  REPLACE,
} from "./command.ts";
import { bool, text } from "./global-flags.ts";
import { PLANNED } from "./planned.ts";
import { SHELLS } from "./shells.ts";

const QUIET = bool(["quiet", "q"], false, "Print nothing; the exit status says it");

/** Commands that the original has not: for scripts, and for knowing before. */
export const SCRIPT_COMMANDS: readonly Command[] = [
  {
    name: "completion",
    synopsis: SHELLS.join("|"),
    summary: "Print what makes a shell complete commands, flags, units and machines",
    description:
      "Units and machines are asked of the cluster as the key is pressed.\nTo have it in this shell: source <(fleetctl completion bash)",
    flags: [],
    offers: SHELLS,
    load: async () => (await import("./completion.ts")).runCompletion,
  },
  {
    name: "events",
    synopsis: "[-f] [--unit=UNIT] [--machine=ID] [--since=TIME] [--lines=N] [-l|--full] [--json]",
    summary: "Print what happened in the cluster, by whom and why",
    description:
      "Units submitted, started, moved, stopped and failed; machines that joined, left or were lost; who asked for it.\nKept for a week. With --follow and --json, an object for each event, one a line.",
    flags: [
      bool(["follow", "f"], false, "Go on with new events until interrupted"),
      { ...text(["unit"], "", "Only of this unit; a pattern names several"), offers: "units" },
      {
        ...text(
          ["machine"],
          "",
          "Only about this machine: its id or the beginning, an address or a host name",
        ),
        offers: "machines",
      },
      text(["since"], "", "Only later ones: how long ago, such as 10m or 2h, or a time"),
      { names: ["lines", "n"], kind: "int", default: 50, help: "At most so many of the newest" },
      FULL,
      JSON_FLAG,
    ],
    offers: [],
    load: async () => (await import("./events.ts")).runEvents,
  },
  {
    name: "explain",
    synopsis: "[-l|--full] [--no-legend] [--json] UNIT",
    summary: "Say for every machine why a unit may or may not run there",
    description: "Asks the scheduler; exits with 1 when no machine fits.",
    flags: [FULL, NO_LEGEND, JSON_FLAG],
    offers: "units",
    load: async () => (await import("./explain.ts")).runExplain,
  },
  {
    name: "is-active",
    synopsis: "[-q|--quiet] [--json] UNIT...",
    summary: "Print whether units are active; exit with 0 when all are",
    description: `Prints systemd's word for each unit. Exits with 3 when one is not active, with 4 when one does not exist.\nA global unit is active when it is on every machine that it belongs on.\n${PATTERN_HELP}`,
    flags: [QUIET, JSON_FLAG],
    offers: "units",
    load: async () => (await import("./is-active.ts")).runIsActive,
  },
  {
    name: "is-failed",
    synopsis: "[-q|--quiet] [--json] UNIT...",
    summary: "Print whether units have failed; exit with 0 when one has",
    description: `Prints systemd's word for each unit. Exits with 3 when none has failed, with 4 when one does not exist.\n${PATTERN_HELP}`,
    flags: [QUIET, JSON_FLAG],
    offers: "units",
    load: async () => (await import("./is-active.ts")).runIsFailed,
  },
  {
    name: "plan",
    synopsis: "[--as=COMMAND] [--replace] [-l|--full] [--no-legend] [--json] UNIT...",
    summary: "Say what starting units would do, without doing it",
    description: `Asks the scheduler for placements, moves of other units, and units that fit no machine.\nExits with 3 when a unit, one of these or another, would be left without a machine.\n${CREATE_HELP}`,
    flags: [
      {
        ...text(["as"], "start", `The command to plan for: ${PLANNED.join(", ")}`),
        offers: PLANNED,
      },
      REPLACE,
      FULL,
      NO_LEGEND,
      JSON_FLAG,
    ],
    offers: "units and files",
    load: async () => (await import("./plan.ts")).runPlan,
  },
  {
    name: "wait",
    synopsis: "--for=STATE [--timeout=DURATION] [--json] UNIT...",
    summary: "Wait until units are in a state, whoever brings them there",
    description: `Changes nothing. Exits with 1 when time ran out, saying what each unit lacks; with 3 when one has failed instead,\nwith 4 when one does not exist.\n${PATTERN_HELP}`,
    flags: [
      {
        ...text(["for"], "", `What to wait for: ${AWAITED.join(", ")}`),
        offers: AWAITED,
      },
      text(["timeout"], "", "For at most so long, such as 30s or 5m; without it there is no limit"),
      JSON_FLAG,
    ],
    offers: "units",
    load: async () => (await import("./await-units.ts")).runWait,
  },
];
