import { Fault } from "#base/fault.ts";
import { openLocalCluster } from "#cli/keelson/local.ts";
import { COMMON_OPTIONS, parseOptions } from "#cli/keelson/options.ts";
import type { Io } from "#cli/program.ts";

/** No packet passes between the machines of one word and those of the other. */
export async function partition(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseOptions("partition", args, "names", COMMON_OPTIONS);
  const [one, other, ...more] = positionals;
  if (one === undefined || other === undefined || more.length > 0)
    throw new Fault(
      "USAGE",
      "Cannot part machines: name two of them, or two groups, as in `keelson partition core-01 core-02`",
    );
  const { cluster, provider } = await openLocalCluster(io, values);
  const [these, those] = [await cluster.machines([one]), await cluster.machines([other])];
  const both = these.find(
    (machine) => those.includes(machine) || those.some(({ name }) => name === machine.name),
  );
  if (both !== undefined)
    throw new Fault(
      "USAGE",
      `Cannot part ${both.name} from itself: ${one} and ${other} both mean it`,
    );
  for (const a of these)
    for (const b of those) {
      await provider.partition(a, b);
      io.stderr.write(`==> ${a.name}: parted from ${b.name}; \`keelson heal\` joins them again\n`);
    }
  return 0;
}

/** Undoes every partition. */
export async function heal(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseOptions("heal", args, "none", COMMON_OPTIONS);
  const { cluster, provider } = await openLocalCluster(io, values);
  const machines = await cluster.machines([]);
  const isRunning = await Promise.all(machines.map(({ name }) => provider.isRunning(name)));
  await provider.heal(machines.filter((_machine, at) => isRunning[at]));
  io.stderr.write("==> every machine reaches every other again\n");
  return 0;
}
