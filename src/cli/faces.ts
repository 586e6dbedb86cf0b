import type { Program } from "#cli/program.ts";

/**
 * The faces of the one program: what it does when called by this name, or as `keelson NAME …`.
 * Each is loaded only when called, so that a small command starts fast.
 */
export const FACES: Readonly<Record<string, () => Promise<Program>>> = {
  keelson: async () => (await import("#cli/keelson/main.ts")).keelson,
  etcdctl: async () => (await import("#cli/etcdctl/main.ts")).etcdctl,
  fleetctl: async () => (await import("#cli/fleetctl/main.ts")).fleetctl,
  "coreos-cloudinit": async () => (await import("#cli/coreos-cloudinit.ts")).coreosCloudinit,
  etcd2: async () => (await import("#cli/etcd2.ts")).etcd2,
  discovery: async () => (await import("#cli/discovery.ts")).discovery,
  server: async () => (await import("#cli/server.ts")).server,
  fleetd: async () => (await import("#cli/fleetd.ts")).fleetd,
};
