import { openLocalCluster } from "#cli/keelson/local.ts";
import { COMMON_OPTIONS, parseOptions } from "#cli/keelson/options.ts";
import { wishOf } from "#cli/keelson/up.ts";
import type { Io } from "#cli/program.ts";

/** Off and on again, with the user-data and settings of today. */
export async function reload(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseOptions("reload", args, "names", {
    ...COMMON_OPTIONS,
    "user-data": { type: "string" },
  });
  const local = await openLocalCluster(io, values);
  const wish = await wishOf(local, values, io); // a mistake in it is told while everything runs
  await local.cluster.check(positionals, wish);
  const isMade = (await local.cluster.machines([])).length > 0;
  if (isMade) await local.cluster.halt(positionals, false, io.signal);
  await local.cluster.up(positionals, wish, io.signal);
  return 0;
}
