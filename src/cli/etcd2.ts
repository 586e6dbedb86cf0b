import { systemClock } from "#base/clock.ts";
import { openLogger } from "#base/logger.ts";
import { notifyReady } from "#base/notify.ts";
import { readEtcd2Settings } from "#cli/etcd2-settings.ts";
import type { Program } from "#cli/program.ts";

const HELP = `Usage: keelson etcd2 [flags]

Runs the key-value store with etcd's v2 API, or a proxy to it. Each flag can be given in the environment too,
as ETCD_ and its name in capitals, with _ for -.

  --name default                         this member's name
  --data-dir NAME.etcd                   where the store is kept
  --listen-client-urls http://localhost:2379
  --advertise-client-urls URLS           what clients are told; default: what is listened on
  --listen-peer-urls http://localhost:2380
  --initial-advertise-peer-urls URLS     default: what is listened on
  --initial-cluster NAME=URL,...         the members by their peer URLs; default: this one alone
  --initial-cluster-state new            new or existing
  --initial-cluster-token etcd-cluster
  --proxy off                            off, on, readonly, or auto: a member when initial-cluster has this
                                         name, else a proxy
`;

export const etcd2: Program = async (args, io) => {
  if (args.some((arg) => /^(-h|--?help)$/.test(arg))) {
    io.stdout.write(HELP);
    return 0;
  }
  const settings = readEtcd2Settings(args, io);
  const shared = {
    logger: openLogger(),
    clock: systemClock,
    onListening: () => notifyReady(io.env),
  };
  if (settings.role === "member") {
    const { runMember } = await import("#keys/run-member.ts");
    await runMember({ ...settings, ...shared, random: Math.random }, io.signal);
  } else {
    const { runProxy } = await import("#keys/proxy.ts");
    const { listen, peers, isReadonly } = settings;
    await runProxy({ ...shared, listen, peers, readonly: isReadonly, signal: io.signal });
  }
  return 0;
};
