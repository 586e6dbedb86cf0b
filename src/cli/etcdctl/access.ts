import { readFile } from "node:fs/promises";
import { Fault, reasonOf } from "#base/fault.ts";
import type { KeysClientOptions } from "#keys/client.ts";
import type { CommandRun } from "./command.ts";

/** What servers are shown to be let in: certificates, a user's name and password. */
export type Access = Pick<KeysClientOptions, "tls" | "auth">;

/** By flag or environment; asks for the password that is missing. */
export async function accessOf(given: CommandRun): Promise<Access> {
  return { ...(await certificates(given)), ...(await credentials(given)) };
}

async function credentials({ globals, io }: CommandRun): Promise<Pick<Access, "auth">> {
  const user = globals.text("username") || io.env["ETCDCTL_USERNAME"] || "";
  if (user === "" || user.startsWith(":")) return {};
  if (user.includes(":")) return { auth: user };
  const { askPassword } = await import("./password.ts");
  return { auth: `${user}:${await askPassword(io, "Password: ")}` };
}

async function certificates(given: CommandRun): Promise<Pick<Access, "tls">> {
  const tls: Record<string, Buffer> = {};
  for (const [part, flag] of Object.entries({
    ca: "ca-file",
    cert: "cert-file",
    key: "key-file",
  })) {
    const variable = `ETCDCTL_${flag.toUpperCase().replace("-", "_")}`;
    const path = given.globals.text(flag) || given.io.env[variable];
    if (!path) continue;
    try {
      tls[part] = await readFile(path);
    } catch (cause) {
      throw new Fault("FILE_UNREADABLE", `Cannot read --${flag}: ${reasonOf(cause)}`, { cause });
    }
  }
  return Object.keys(tls).length === 0 ? {} : { tls };
}
