import { Fault } from "#base/fault.ts";
import { type Cluster, DEFAULT_GROUP, MACHINES_MAX, machineName } from "#machines/core/machine.ts";
import { coreMachines, parseMetadata } from "#machines/core/plan-cluster.ts";
import { checkUserData, readUserDataFile } from "#machines/read-user-data-file.ts";
import type { Wish } from "#machines/wish.ts";

/** What the command line asks for where no project file does. */
export interface CoreOptions {
  /** How many machines there shall be; without it as many as there are, or three. */
  readonly count: number | undefined;
  /** How many machines hold the store, when it is a new cluster; default one. */
  readonly servers: number | undefined;
  /** A file; kept for later boots. Without it what is kept, or `ownUserData`. */
  readonly userData: string | undefined;
  /** Keelson's own, for such a cluster. */
  readonly ownUserData: (cluster: Cluster) => string;
  /** `KEY=VALUE` or `MACHINE:KEY=VALUE`, for machines that are made now. */
  readonly metadata: readonly string[];
  /** First three bytes of the machines' addresses, for a cluster that is made now. */
  readonly network: string | undefined;
}

const COUNT = 3;

/** Machines `core-01`, `core-02` …; a cluster of them only grows. @throws {Fault} FILE_UNREADABLE, CLOUD_CONFIG_INVALID */
export async function wishOfOptions(options: CoreOptions): Promise<Wish> {
  const { userData, ownUserData } = options;
  const text = userData === undefined ? undefined : await readUserDataFile(userData);
  const warnings = text === undefined ? [] : checkUserData(text, userData ?? "");
  return {
    project: undefined,
    network: options.network,
    warnings,
    machines: (made) => machinesOf(made, options),
    newDiscovery: async () => undefined,
    userData: (_machine, cluster) => {
      return { text: text ?? ownUserData(cluster), replaces: text !== undefined };
    },
  };
}

function machinesOf(made: Cluster | undefined, options: CoreOptions) {
  const there = made?.machines ?? [];
  const servers = options.servers ?? Math.max(1, made?.servers.length ?? 1);
  const count = options.count ?? (there.length || Math.max(COUNT, servers));
  checkServers(made, options, count);
  if (count < there.length)
    throw new Fault(
      "USAGE",
      `Cannot make ${count} machines of ${there.length}: a cluster here only grows; \`keelson halt NAME\` switches a machine off, \`keelson destroy\` removes all`,
    );
  if (options.metadata.length > 0 && count === there.length)
    throw new Fault(
      "USAGE",
      "Cannot use --metadata: it is for machines that are made now, and all there shall be are made; --machines N adds more",
    );
  const length = Math.min(count, MACHINES_MAX);
  const names = Array.from({ length }, (_, at) => machineName(DEFAULT_GROUP, at + 1));
  return coreMachines(there, { count, servers, metadata: parseMetadata(options.metadata, names) });
}

/** @throws {Fault} USAGE when there cannot be as many servers as asked for. */
function checkServers(
  made: Cluster | undefined,
  { servers, userData }: CoreOptions,
  count: number,
): void {
  if (servers === undefined) return;
  if (userData !== undefined)
    throw new Fault(
      "USAGE",
      "Cannot use --servers beside --user-data: the file's initial-cluster says which machines hold the store",
    );
  if (servers < 1 || servers > count)
    throw new Fault(
      "USAGE",
      `Cannot have ${servers} servers among ${count} machines: choose 1 to ${count}, best an odd number`,
    );
  if (made !== undefined && servers !== made.servers.length)
    throw new Fault(
      "USAGE",
      `Cannot have ${servers} servers: the machines there are were made with ${made.servers.length}; \`keelson destroy\` them first, or leave --servers out`,
    );
}
