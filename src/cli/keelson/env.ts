import { Fault } from "#base/fault.ts";
import { installation, openLocalCluster } from "#cli/keelson/local.ts";
import { parseOptions } from "#cli/keelson/options.ts";
import type { Io } from "#cli/program.ts";
import { etcdUrl, fleetUrl } from "#machines/core/base-tree.ts";
import type { Machine } from "#machines/core/machine.ts";

/** Variables that point the original clients, and ours, at these machines. */
export function clientEnvironment(machines: readonly Machine[]): Record<string, string> {
  const etcd = machines.map(etcdUrl).join(",");
  return {
    FLEETCTL_ENDPOINT: machines.map(fleetUrl).join(","),
    ETCDCTL_API: "2",
    ETCDCTL_ENDPOINTS: etcd,
    ETCDCTL_PEERS: etcd,
  };
}

export async function env(args: readonly string[], io: Io): Promise<number> {
  parseOptions("env", args, "none", {});
  const statuses = await openLocalCluster(io).cluster.status();
  if (statuses.length === 0)
    throw new Fault(
      "MACHINE_NOT_FOUND",
      "Cannot point at machines: there are none; make some with `keelson up` or `keelson quickstart`",
    );
  const bin = `${installation(io)}/bin`;
  io.stdout.write(`case ":$PATH:" in *":${bin}:"*) ;; *) export PATH="${bin}:$PATH" ;; esac\n`);
  const variables = clientEnvironment(statuses.map((status) => status.machine));
  for (const [name, value] of Object.entries(variables))
    io.stdout.write(`export ${name}="${value}"\n`);
  return 0;
}
