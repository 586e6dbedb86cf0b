import { resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import { openLocalCluster, quickstartUserData } from "#cli/keelson/local.ts";
import { parseCount, parseOptions } from "#cli/keelson/options.ts";
import type { Io } from "#cli/program.ts";
import { DEFAULT_NETWORK } from "#machines/core/machine.ts";

/** First three bytes of loopback addresses. @throws {Fault} USAGE */
export function parseNetwork(text: string): string {
  if (/^127\.\d{1,3}\.\d{1,3}$/.test(text) && text.split(".").every((part) => Number(part) < 256))
    return text;
  throw new Fault(
    "USAGE",
    `Cannot use --network ${text}: expected the first three bytes of loopback addresses, such as ${DEFAULT_NETWORK}`,
  );
}

export async function up(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseOptions("up", args, "names", {
    machines: { type: "string" },
    servers: { type: "string" },
    "user-data": { type: "string" },
    metadata: { type: "string", multiple: true },
    network: { type: "string" },
  });
  const { cluster } = openLocalCluster(io);
  const userData = values["user-data"];
  const network = values.network === undefined ? undefined : parseNetwork(values.network);
  await cluster.up(
    {
      names: positionals,
      count: parseCount("machines", values.machines),
      servers: parseCount("servers", values.servers),
      userData: userData === undefined ? undefined : resolve(io.cwd, userData),
      defaultUserData: await quickstartUserData(io),
      metadata: values.metadata ?? [],
      network,
    },
    io.signal,
  );
  return 0;
}
