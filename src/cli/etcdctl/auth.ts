import { changeAuth, withAuth } from "./auth-api.ts";
import { acceptNoArguments, type Command } from "./command.ts";
import { print } from "./print-reply.ts";

export const authEnable = authSwitch("enable", "ask for a user and password from now on", "PUT");
export const authDisable = authSwitch("disable", "let everyone in again", "DELETE");

function authSwitch(name: "enable" | "disable", usage: string, method: "PUT" | "DELETE"): Command {
  return {
    name,
    usage,
    argsUsage: "",
    flags: [],
    run: async (given) => {
      acceptNoArguments(given.args);
      return withAuth(given, async (connected) => {
        await changeAuth(connected, method, "/v2/auth/enable");
        print(given.io, `Authentication ${name === "enable" ? "Enabled" : "Disabled"}`);
        return 0;
      });
    },
  };
}
