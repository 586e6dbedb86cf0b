import { openLocalCluster } from "#cli/keelson/local.ts";
import { parseOptions } from "#cli/keelson/options.ts";
import type { Io } from "#cli/program.ts";

const NAME_WIDTH = 26; // as Vagrant aligns it

export async function status(args: readonly string[], io: Io): Promise<number> {
  parseOptions("status", args, "none", {});
  const { cluster, provider } = openLocalCluster(io);
  const statuses = await cluster.status();
  if (statuses.length === 0) {
    io.stdout.write(
      "There are no machines. Make some with `keelson up` or `keelson quickstart`.\n",
    );
    return 0;
  }
  io.stdout.write("Current machine states:\n\n");
  for (const { machine, running } of statuses) {
    const state = `${running ? "running" : "halted"} (${provider.name})`;
    const metadata = Object.entries(machine.metadata).map(([key, value]) => `${key}=${value}`);
    io.stdout.write(
      `${machine.name.padEnd(NAME_WIDTH)}${state.padEnd(20)}${machine.address.padEnd(14)}${metadata.join(",")}\n`,
    );
  }
  return 0;
}
