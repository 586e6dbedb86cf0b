import type { Command } from "./command.ts";

/** A command, or a group of them; loaded when it is called or helped with. */
export type Entry =
  | { readonly kind: "command"; readonly load: () => Promise<Command> }
  | {
      readonly kind: "group";
      readonly usage: string;
      readonly entries: Readonly<Record<string, Entry>>;
    };

function command(load: () => Promise<Command>): Entry {
  return { kind: "command", load };
}

export const COMMANDS: Readonly<Record<string, Entry>> = {
  "cluster-health": command(async () => (await import("./cluster-health.ts")).clusterHealth),
  mk: command(async () => (await import("./mk.ts")).mk),
  mkdir: command(async () => (await import("./directories.ts")).mkdir),
  rm: command(async () => (await import("./rm.ts")).rm),
  rmdir: command(async () => (await import("./rm.ts")).rmdir),
  get: command(async () => (await import("./get.ts")).get),
  ls: command(async () => (await import("./ls.ts")).ls),
  set: command(async () => (await import("./set.ts")).set),
  setdir: command(async () => (await import("./directories.ts")).setdir),
  update: command(async () => (await import("./update.ts")).update),
  updatedir: command(async () => (await import("./directories.ts")).updatedir),
  watch: command(async () => (await import("./watch.ts")).watch),
  "exec-watch": command(async () => (await import("./exec-watch.ts")).execWatch),
  member: {
    kind: "group",
    usage: "the members of the cluster",
    entries: { list: command(async () => (await import("./member.ts")).memberList) },
  },
};

export async function usageOf(entry: Entry): Promise<string> {
  return entry.kind === "group" ? entry.usage : (await entry.load()).usage;
}
