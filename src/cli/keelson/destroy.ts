import { openLocalCluster, wantedNames } from "#cli/keelson/local.ts";
import { COMMON_OPTIONS, parseOptions } from "#cli/keelson/options.ts";
import type { Io } from "#cli/program.ts";

export async function destroy(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseOptions("destroy", args, "names", {
    ...COMMON_OPTIONS,
    force: { type: "boolean", short: "f" },
  });
  const local = await openLocalCluster(io, values);
  if (positionals.length === 0) {
    await local.cluster.destroy(io.signal);
    return 0;
  }
  const options = { force: values.force ?? false, wanted: wantedNames(local) };
  await local.cluster.destroySome(positionals, options, io.signal);
  return 0;
}
