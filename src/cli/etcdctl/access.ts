import { resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import type { KeysClientOptions } from "#keys/client.ts";
import { type CommandRun, plainRefusal } from "./command.ts";
import { discoveryDomain, isInsecureDiscovery } from "./endpoints.ts";

/** What servers are shown to be let in, and shall show: certificates, a user's name and password. */
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
  const [certFile, keyFile, caFile] = ["cert-file", "key-file", "ca-file"].map((flag) => {
    const variable = `ETCDCTL_${flag.toUpperCase().replace("-", "_")}`;
    const path = given.globals.text(flag) || given.io.env[variable];
    return path ? resolve(given.io.cwd, path) : undefined;
  });
  // Who is found by a domain's records without TLS's help has to prove that it is of that domain.
  const domain = isInsecureDiscovery(given) ? "" : discoveryDomain(given);
  const servername = domain === "" ? {} : { servername: domain };
  if (!certFile && !keyFile && !caFile) return domain === "" ? {} : { tls: servername };
  const { clientTls } = await import("#base/tls.ts");
  try {
    const tls = clientTls({ certFile, keyFile, caFiles: [caFile ?? ""] });
    return { tls: { ...servername, ...tls } };
  } catch (error) {
    if (error instanceof Fault) throw plainRefusal(error.message);
    throw error;
  }
}
