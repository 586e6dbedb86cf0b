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

function group(usage: string, entries: Readonly<Record<string, Entry>>): Entry {
  return { kind: "group", usage, entries };
}

export const COMMANDS: Readonly<Record<string, Entry>> = {
  backup: command(async () => (await import("./backup.ts")).backup),
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
  member: group("the members of the cluster", {
    list: command(async () => (await import("./member-list.ts")).memberList),
    add: command(async () => (await import("./member-changes.ts")).memberAdd),
    remove: command(async () => (await import("./member-changes.ts")).memberRemove),
    update: command(async () => (await import("./member-changes.ts")).memberUpdate),
  }),
  import: command(async () => (await import("./import.ts")).importSnapshot),
  user: group("users, their passwords and roles", {
    add: command(async () => (await import("./user.ts")).userAdd),
    get: command(async () => (await import("./user.ts")).userGet),
    list: command(async () => (await import("./user.ts")).userList),
    remove: command(async () => (await import("./user.ts")).userRemove),
    grant: command(async () => (await import("./user.ts")).userGrant),
    revoke: command(async () => (await import("./user.ts")).userRevoke),
    passwd: command(async () => (await import("./user.ts")).userPasswd),
  }),
  role: group("roles, and the keys that they may read and write", {
    add: command(async () => (await import("./role.ts")).roleAdd),
    get: command(async () => (await import("./role.ts")).roleGet),
    list: command(async () => (await import("./role.ts")).roleList),
    remove: command(async () => (await import("./role.ts")).roleRemove),
    grant: command(async () => (await import("./role.ts")).roleGrant),
    revoke: command(async () => (await import("./role.ts")).roleRevoke),
  }),
  auth: group("whether users and roles count", {
    enable: command(async () => (await import("./auth.ts")).authEnable),
    disable: command(async () => (await import("./auth.ts")).authDisable),
  }),
};

export async function usageOf(entry: Entry): Promise<string> {
  return entry.kind === "group" ? entry.usage : (await entry.load()).usage;
}
