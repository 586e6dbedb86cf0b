import { openLocalCluster } from "#cli/keelson/local.ts";
import { parseOptions } from "#cli/keelson/options.ts";
import type { Io } from "#cli/program.ts";

export async function halt(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseOptions("halt", args, "names", {
    force: { type: "boolean", short: "f" },
  });
  await openLocalCluster(io).cluster.halt(positionals, values.force ?? false, io.signal);
  return 0;
}
