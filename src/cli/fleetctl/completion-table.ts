import type { Command } from "./command.ts";
import type { FlagSpec } from "./flags.ts";

/** The words of a command line as a completion script has them. */
export interface CompletionTable {
  readonly commands: readonly CompletedCommand[];
  readonly globals: readonly CompletedFlag[];
}

export interface CompletedCommand {
  readonly name: string;
  readonly summary: string;
  /** Kinds of arguments, and words that may be one. */
  readonly kinds: readonly ArgumentKind[];
  readonly words: readonly string[];
  readonly flags: readonly CompletedFlag[];
}

/** What is asked of the cluster, or of the directory, when the key is pressed. */
export type ArgumentKind = "units" | "machines" | "files" | "commands";

export interface CompletedFlag {
  /** Without dashes, the long one first. */
  readonly names: readonly string[];
  readonly help: string;
  readonly takesValue: boolean;
  readonly kinds: readonly ArgumentKind[];
  readonly words: readonly string[];
}

/** Flags that say which cluster is meant; what was typed of them goes with every question to it. */
export const CLUSTER_FLAGS = ["endpoint", "tunnel", "ssh-username", "ssh-config"];

/** The table that all completion scripts are made from, `help` included. */
export function completionTable(
  commands: readonly Command[],
  globals: readonly FlagSpec[],
): CompletionTable {
  const help: CompletedCommand = {
    name: "help",
    summary: "Print the help of the program, or of a command",
    kinds: ["commands"],
    words: [],
    flags: [],
  };
  return {
    commands: [...commands.map(completedCommand), help].toSorted((a, b) =>
      a.name < b.name ? -1 : 1,
    ),
    globals: shown(globals).map(completedFlag),
  };
}

function completedCommand({ flags, name, offers, summary }: Command): CompletedCommand {
  return { name, summary, ...offered(offers), flags: shown(flags).map(completedFlag) };
}

/** Flags without effect are not offered. */
function shown(flags: readonly FlagSpec[]): readonly FlagSpec[] {
  return flags.filter(({ help }) => !help.startsWith("Accepted for compatibility"));
}

function completedFlag({ help, kind, names, offers = [] }: FlagSpec): CompletedFlag {
  return { names, help, takesValue: kind !== "bool", ...offered(offers) };
}

function offered(offers: Command["offers"] | NonNullable<FlagSpec["offers"]>): {
  readonly kinds: readonly ArgumentKind[];
  readonly words: readonly string[];
} {
  switch (offers) {
    case "units":
    case "machines":
    case "files":
      return { kinds: [offers], words: [] };
    case "units and files":
      return { kinds: ["units", "files"], words: [] };
    case "machines and units":
      return { kinds: ["machines", "units"], words: [] };
    default:
      return { kinds: [], words: offers };
  }
}

/** As it stands on a command line. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
