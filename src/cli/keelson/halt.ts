import { openLocalCluster } from "#cli/keelson/local.ts";
import { COMMON_OPTIONS, parseOptions } from "#cli/keelson/options.ts";
import type { Io } from "#cli/program.ts";

export async function halt(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseOptions("halt", args, "names", {
    ...COMMON_OPTIONS,
    force: { type: "boolean", short: "f" },
  });
  const { cluster } = await openLocalCluster(io, values);
  await cluster.halt(positionals, values.force ?? false, io.signal);
  return 0;
}
