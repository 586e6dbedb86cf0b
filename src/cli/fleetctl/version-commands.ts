import { type Command, FULL, JSON_FLAG, NAME_HELP, NO_LEGEND } from "./command.ts";
import type { FlagSpec } from "./flags.ts";
import { text } from "./global-flags.ts";

/** Commands that the original has not: for the texts that units had. */
export function versionCommands(blocking: readonly FlagSpec[]): readonly Command[] {
  return [
    {
      name: "history",
      synopsis: "[-l|--full] [--no-legend] [--json] UNIT",
      summary: "List the texts that a unit had, when, by whom and why",
      description: `The last 10, also of a template, and of a unit that was destroyed for as long as that is on record.\n${NAME_HELP}`,
      flags: [FULL, NO_LEGEND, JSON_FLAG],
      offers: "units",
      load: async () => (await import("./history.ts")).runHistory,
    },
    {
      name: "revert",
      synopsis: "[--to=VERSION] [--no-block|--block-attempts=N] UNIT",
      summary: "Give a unit an earlier text again",
      description: `Without --to, the one before the present one. It rolls as that text says; a template's over its instances.\nExits with 1 when it went back.\n${NAME_HELP}`,
      flags: [text(["to"], "", "The number of the version, as in history"), ...blocking],
      offers: "units",
      load: async () => (await import("./revert.ts")).runRevert,
    },
  ];
}
