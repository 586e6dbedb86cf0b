import { join } from "node:path";
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Io } from "#cli/program.ts";
import { type Cluster, DEFAULT_NETWORK, initialCluster } from "#machines/core/machine.ts";
import { LocalCluster, readUserData } from "#machines/local-cluster.ts";
import { ProcessProvider } from "#machines/process-provider.ts";
import { defaultStateDirectory, StateDirectory } from "#machines/state-directory.ts";

/** The directory with bin/ and examples/, told by bin/keelson. */
export function installation(io: Io): string {
  const home = io.env["KEELSON_HOME"];
  if (home === undefined)
    throw new Fault(
      "USAGE",
      "Cannot find my own files: start me by bin/keelson, or set KEELSON_HOME",
    );
  return home;
}

/** `bin/keelson`, as units and machines call it. */
export function programPath(io: Io): string {
  return join(installation(io), "bin/keelson");
}

/**
 * The quickstart's user-data, its one server and addresses replaced by the cluster's.
 * @throws {Fault} FILE_UNREADABLE
 */
export async function quickstartUserData(io: Io): Promise<(cluster: Cluster) => string> {
  const text = await readUserData(join(installation(io), "examples/quickstart/user-data"));
  const one = initialCluster({ network: DEFAULT_NETWORK, servers: 1 });
  return (cluster) =>
    text
      .replace(one, initialCluster(cluster))
      .replaceAll(`${DEFAULT_NETWORK}.`, `${cluster.network}.`);
}

/** The cluster on this computer, telling its progress on stderr. */
export function openLocalCluster(io: Io) {
  const state = new StateDirectory(defaultStateDirectory(io.env));
  const provider = new ProcessProvider({
    state,
    program: programPath(io),
    clock: systemClock,
    env: io.env,
  });
  const report = (machine: string, what: string) =>
    void io.stderr.write(`==> ${machine}: ${what}\n`);
  const cluster = new LocalCluster({ state, provider, clock: systemClock, report });
  return { state, provider, cluster };
}
