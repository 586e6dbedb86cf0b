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
  const bin = `${installation(io)}/bin`;
  io.stdout.write(`case ":$PATH:" in *":${bin}:"*) ;; *) export PATH="${bin}:$PATH" ;; esac\n`);
  if (statuses.length === 0) {
    io.stderr.write(
      "==> there are no machines here to point at, so only the PATH is set; `keelson up` makes some\n",
    );
    return 0;
  }
  const variables = clientEnvironment(statuses.map((status) => status.machine));
  for (const [name, value] of Object.entries(variables))
    io.stdout.write(`export ${name}="${value}"\n`);
  return 0;
}
