import { resolve } from "node:path";
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { Fault, reasonOf } from "#base/fault.ts";
import { clientTls } from "#base/tls.ts";
import type { Io } from "#cli/program.ts";
import type { KeysClientOptions } from "#keys/client.ts";

/** What every tool takes that talks to a server. */
export const ACCESS_OPTIONS = {
  username: { type: "string" },
  "ca-file": { type: "string" },
  "cert-file": { type: "string" },
  "key-file": { type: "string" },
} as const satisfies ParseArgsOptionsConfig;

export const ACCESS_HELP = `  --username NAME:PASSWORD               for servers with authentication; better in KEELSON_USERNAME,
                                         which other users of this machine cannot see
  --ca-file, --cert-file, --key-file PATH
                                         for https`;

/** @throws {Fault} USAGE naming the tool's help. */
export function parseToolOptions<const Options extends ParseArgsOptionsConfig>(
  tool: string,
  args: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (cause) {
    const [first] = reasonOf(cause).split(". ");
    throw new Fault("USAGE", `${first}; \`keelson etcd2 ${tool} --help\` shows what it takes`, {
      cause,
    });
  }
}

interface AccessValues {
  readonly username?: string | undefined;
  readonly "ca-file"?: string | undefined;
  readonly "cert-file"?: string | undefined;
  readonly "key-file"?: string | undefined;
}

/** @throws {Fault} FILE_UNREADABLE, CONFIG_INVALID */
export function accessOf(
  values: AccessValues,
  { cwd, env }: Pick<Io, "cwd" | "env">,
): Pick<KeysClientOptions, "tls" | "auth"> {
  const path = (given: string | undefined) => (given ? resolve(cwd, given) : undefined);
  const tls = clientTls({
    certFile: path(values["cert-file"]),
    keyFile: path(values["key-file"]),
    caFiles: [path(values["ca-file"]) ?? ""],
  });
  const auth = values.username || env["KEELSON_USERNAME"];
  if (auth && !auth.includes(":"))
    throw new Fault("USAGE", `Cannot use --username ${auth}: expected NAME:PASSWORD`);
  return {
    tls,
    ...(auth && { auth }),
  };
}

/** A list parted by commas; undefined when it was not given. */
export function listOf(text: string | undefined): string[] | undefined {
  const parts = text?.split(",").map((part) => part.trim());
  return parts?.filter((part) => part !== "");
}
