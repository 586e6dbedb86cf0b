import { Fault } from "#base/fault.ts";
import { openLocalCluster } from "#cli/keelson/local.ts";
import { parseOptions } from "#cli/keelson/options.ts";
import type { Io } from "#cli/program.ts";

export async function destroy(args: readonly string[], io: Io): Promise<number> {
  const { positionals } = parseOptions("destroy", args, "names", {
    force: { type: "boolean", short: "f" },
  });
  if (positionals.length > 0)
    throw new Fault(
      "USAGE",
      "Cannot destroy single machines: `keelson destroy` removes them all; `keelson halt NAME` switches one off",
    );
  await openLocalCluster(io).cluster.destroy(io.signal);
  return 0;
}
