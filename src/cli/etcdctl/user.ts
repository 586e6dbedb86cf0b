import {
  authPath,
  changeAuth,
  listAuth,
  namesOf,
  readAuth,
  withAuth,
  withEndlessAuth,
} from "./auth-api.ts";
import { acceptNoArguments, type Command, type Connected, plainRefusal } from "./command.ts";
import type { Flag } from "./flags.ts";
import { isRecord } from "./members.ts";
import { askPassword } from "./password.ts";
import { print } from "./print-reply.ts";
import { plainly } from "./session.ts";

const ROLES_FLAG: Flag = {
  name: "roles",
  kind: "text",
  usage: "a role; give the flag once for each of several",
};

export const userAdd: Command = {
  name: "add",
  usage: "make a user, or give one another password",
  argsUsage: "<user>[:<password>]",
  flags: [],
  run: async (given) => {
    const [user = "", ...password] = userOf(given.args).split(":");
    const told = password.length > 0 ? password.join(":") : undefined;
    return withEndlessAuth(given, async (connected) => {
      const secret = told ?? (await askPassword(given.io, "New password: "));
      return plainly(given, connected, async (limited) => {
        await setPassword(limited, user, secret);
        print(given.io, `User ${user} created`);
        return 0;
      });
    });
  },
};

export const userGet: Command = {
  name: "get",
  usage: "show a user's roles",
  argsUsage: "<user>",
  flags: [],
  run: async (given) => {
    const name = userOf(given.args);
    return withAuth(given, async (connected) => {
      const { user, roles } = await readAuth(connected, authPath("users", name));
      const list = Array.isArray(roles) ? roles : [];
      // The original prints a blank for each role that is told whole before it prints the names.
      const blanks = " ".repeat(list.filter(isRecord).length);
      print(given.io, `User: ${String(user)}`);
      print(given.io, `Roles: ${blanks}${namesOf(list, "role").join(" ")}`);
      return 0;
    });
  },
};

export const userList: Command = {
  name: "list",
  usage: "show all users",
  argsUsage: "",
  flags: [],
  run: async (given) => {
    acceptNoArguments(given.args);
    return withAuth(given, async (connected) => {
      for (const name of await listAuth(connected, "users", "user")) print(given.io, name);
      return 0;
    });
  },
};

export const userRemove: Command = {
  name: "remove",
  usage: "remove a user",
  argsUsage: "<user>",
  flags: [],
  run: async (given) => {
    const name = userOf(given.args);
    return withAuth(given, async (connected) => {
      await changeAuth(connected, "DELETE", authPath("users", name));
      print(given.io, `User ${name} removed`);
      return 0;
    });
  },
};

export const userPasswd: Command = {
  name: "passwd",
  usage: "change a user's password",
  argsUsage: "<user>",
  flags: [],
  run: async (given) => {
    const user = userOf(given.args);
    return withEndlessAuth(given, async (connected) => {
      const password = await askPassword(given.io, "New password: ");
      return plainly(given, connected, async (limited) => {
        const isNew = await setPassword(limited, user, password);
        if (isNew) throw plainRefusal(`There was no user ${user}; it was made, with this password`);
        print(given.io, "Password updated");
        return 0;
      });
    });
  },
};

export const userGrant = roleChange("grant", "give roles to a user");
export const userRevoke = roleChange("revoke", "take roles from a user");

function roleChange(name: "grant" | "revoke", usage: string): Command {
  return {
    name,
    usage,
    argsUsage: "<user>",
    flags: [ROLES_FLAG],
    run: async (given) => {
      const roles = given.flags.texts("roles");
      if (roles.length === 0) throw plainRefusal("No roles specified; please use `--roles`");
      const user = userOf(given.args);
      return withAuth(given, async (connected) => {
        const body = { user, roles: null, [name]: roles };
        await changeAuth(connected, "PUT", authPath("users", user), body);
        print(given.io, `User ${user} updated`);
        return 0;
      });
    },
  };
}

/** Makes the user who is not there, which it returns. An empty password is not sent. */
function setPassword(connected: Connected, user: string, password: string): Promise<boolean> {
  const secret = password === "" ? {} : { password };
  const body = { user, ...secret, roles: null };
  return changeAuth(connected, "PUT", authPath("users", user), body);
}

/** @throws {Refusal} when it is not one argument. */
function userOf(args: readonly string[]): string {
  const [name] = args;
  if (!name || args.length > 1) throw plainRefusal("Please provide a username");
  return name;
}
