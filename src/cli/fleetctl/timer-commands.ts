import { type Command, FULL, JSON_FLAG, NO_LEGEND } from "./command.ts";
import { text } from "./global-flags.ts";

/** Commands about units that the clock starts. */
export const TIMER_COMMANDS: readonly Command[] = [
  {
    name: "list-timers",
    synopsis: "[-l|--full] [--no-legend] [--json]",
    summary: "List units that the clock starts, and when",
    description: "Those with OnCalendar= in [X-Fleet]. Times are in UTC.",
    flags: [FULL, NO_LEGEND, JSON_FLAG],
    offers: [],
    load: async () => (await import("./list-timers.ts")).runListTimers,
  },
  {
    name: "trigger",
    synopsis: "[--why=TEXT] UNIT...",
    summary: "Have units that the clock starts run now",
    description:
      "They have to be started, and so armed. One whose last run goes on is refused, unless it says OnOverlap=replace.",
    flags: [text(["why"], "", "A few words for the record")],
    offers: "units",
    load: async () => (await import("./trigger.ts")).runTrigger,
  },
];
