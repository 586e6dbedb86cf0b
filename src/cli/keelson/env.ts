import { installation, openLocalCluster } from "#cli/keelson/local.ts";
import { COMMON_OPTIONS, parseOptions } from "#cli/keelson/options.ts";
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
  const { values } = parseOptions("env", args, "none", COMMON_OPTIONS);
  const { cluster } = await openLocalCluster(io, values);
  const machines = (await cluster.status())
    .filter(({ state }) => state !== "not created")
    .map(({ machine }) => machine);
  const bin = `${installation(io)}/bin`;
  io.stdout.write(`case ":$PATH:" in *":${bin}:"*) ;; *) export PATH="${bin}:$PATH" ;; esac\n`);
  if (machines.length === 0) {
    io.stderr.write(
      "==> there are no machines here to point at, so only the PATH is set; `keelson up` makes some\n",
    );
    return 0;
  }
  for (const [name, value] of Object.entries(clientEnvironment(machines)))
    io.stdout.write(`export ${name}="${value}"\n`);
  return 0;
}
