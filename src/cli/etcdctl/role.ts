import { authPath, changeAuth, listAuth, readAuth, withAuth } from "./auth-api.ts";
import {
  acceptNoArguments,
  type Command,
  type CommandRun,
  plainRefusal,
  Refusal,
} from "./command.ts";
import type { Flag } from "./flags.ts";
import { isRecord } from "./members.ts";
import { print } from "./print-reply.ts";

const PATH_FLAGS: readonly Flag[] = [
  { name: "path", kind: "text", usage: "the key, or with * at its end all that begin so" },
  { name: "read", kind: "bool", usage: "reading" },
  { name: "write", kind: "bool", usage: "writing" },
  { name: "readwrite", alias: "rw", kind: "bool", usage: "both" },
];

export const roleAdd: Command = {
  name: "add",
  usage: "make a role",
  argsUsage: "<role>",
  flags: [],
  run: async (given) => {
    const role = roleOf(given.args);
    return withAuth(given, async (connected) => {
      const path = authPath("roles", role);
      const isThere = await readAuth(connected, path).then(
        () => true,
        (error: unknown) => {
          if (error instanceof Refusal) return false;
          throw error;
        },
      );
      if (isThere) throw plainRefusal(`Role ${role} already exists`);
      const permissions = { kv: { read: null, write: null } };
      await changeAuth(connected, "PUT", path, { role, permissions });
      print(given.io, `Role ${role} created`);
      return 0;
    });
  },
};

export const roleGet: Command = {
  name: "get",
  usage: "show what a role may read and write",
  argsUsage: "<role>",
  flags: [],
  run: async (given) => {
    const name = roleOf(given.args);
    return withAuth(given, async (connected) => {
      const { role, permissions } = await readAuth(connected, authPath("roles", name));
      const kv = isRecord(permissions) && isRecord(permissions["kv"]) ? permissions["kv"] : {};
      print(given.io, `Role: ${String(role)}`);
      for (const [title, keys] of [
        ["KV Read:", kv["read"]],
        ["KV Write:", kv["write"]],
      ] as const) {
        print(given.io, title);
        for (const key of Array.isArray(keys) ? keys : []) print(given.io, `\t${String(key)}`);
      }
      return 0;
    });
  },
};

export const roleList: Command = {
  name: "list",
  usage: "show all roles",
  argsUsage: "",
  flags: [],
  run: async (given) => {
    acceptNoArguments(given.args);
    return withAuth(given, async (connected) => {
      for (const name of await listAuth(connected, "roles", "role")) print(given.io, name);
      return 0;
    });
  },
};

export const roleRemove: Command = {
  name: "remove",
  usage: "remove a role",
  argsUsage: "<role>",
  flags: [],
  run: async (given) => {
    const name = roleOf(given.args);
    return withAuth(given, async (connected) => {
      await changeAuth(connected, "DELETE", authPath("roles", name));
      print(given.io, `Role ${name} removed`);
      return 0;
    });
  },
};

export const roleGrant = pathChange("grant", "let a role read or write keys");
export const roleRevoke = pathChange("revoke", "no longer let a role read or write keys");

function pathChange(name: "grant" | "revoke", usage: string): Command {
  return {
    name,
    usage,
    argsUsage: "<role>",
    flags: PATH_FLAGS,
    run: async (given) => {
      const kv = permissionOf(given);
      const role = roleOf(given.args);
      return withAuth(given, async (connected) => {
        const path = authPath("roles", role);
        await readAuth(connected, path);
        const permissions = { kv: { read: null, write: null } };
        await changeAuth(connected, "PUT", path, { role, permissions, [name]: { kv } });
        print(given.io, `Role ${role} updated`);
        return 0;
      });
    },
  };
}

/** @throws {Refusal} when the flags do not name one path and one right. */
function permissionOf({ flags }: CommandRun): object {
  const path = flags.text("path");
  if (path === "") throw plainRefusal("No path specified; please use `--path`");
  const canonical = canonicalPath(path);
  if (canonical !== path)
    throw plainRefusal(`Not canonical path; please use \`--path=${canonical}\``);
  const [read, write, both] = ["read", "write", "readwrite"].map((flag) => flags.bool(flag));
  if ([read, write, both].filter(Boolean).length !== 1)
    throw plainRefusal("Please specify exactly one of --read, --write or --readwrite");
  return { read: read || both ? [path] : null, write: write || both ? [path] : null };
}

/** From the root, without empty and dot segments; a slash at the end stays. */
function canonicalPath(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split("/"))
    if (segment === "..") segments.pop();
    else if (segment !== "" && segment !== ".") segments.push(segment);
  const clean = `/${segments.join("/")}`;
  return path.endsWith("/") && clean !== "/" ? `${clean}/` : clean;
}

/** @throws {Refusal} when it is not one argument. */
function roleOf(args: readonly string[]): string {
  const [name] = args;
  if (!name || args.length > 1) throw plainRefusal("Please provide a role name");
  return name;
}
