import { Fault } from "#base/fault.ts";

/** A machine for trying and developing, as the cluster's record keeps it. */
export interface Machine {
  /** Also its hostname, such as `core-01`. */
  readonly name: string;
  /** From 1, unique in its cluster; the last byte of its address. */
  readonly number: number;
  /** 32 hex digits, machine-id(5). */
  readonly id: string;
  readonly address: string;
  /** Told to fleet as the machine's metadata. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly equipment: Equipment;
}

/** What a machine is given beside its identity; a changed project file changes it at the next boot. */
export interface Equipment {
  /** Directories of this computer that the machine sees too. */
  readonly folders: readonly SharedFolder[];
  /** Bytes of memory that it may use; absent: all there are. */
  readonly memoryBytes?: number | undefined;
  /** Processors' worth of time, such as 0.5 or 2; absent: all there are. */
  readonly cpus?: number | undefined;
  /** Where its operating-system updates come from, such as `stable`; GROUP= of update.conf. */
  readonly channel?: string | undefined;
  /** Packages of this computer's distribution that its disk has beside the usual ones; for machines with one of their own. */
  readonly packages?: readonly string[] | undefined;
}

export interface SharedFolder {
  /** Absolute, on this computer. */
  readonly host: string;
  /** Absolute, inside the machine. */
  readonly path: string;
  readonly readOnly: boolean;
}

export const PLAIN_EQUIPMENT: Equipment = { folders: [] };

/** Everything `keelson up` remembers between calls. */
export interface Cluster {
  /** First three bytes of every machine's address, such as `127.0.1`. */
  readonly network: string;
  /** Six hex digits that the ids of this cluster's machines begin with. */
  readonly idPrefix: string;
  /** How many machines, from the first, hold the store. */
  readonly servers: number;
  readonly machines: readonly Machine[];
}

/** Of machines that have loopback addresses. */
export const DEFAULT_NETWORK = "127.0.1";

export const MACHINES_MAX = 99; // two digits in the name; one computer is not meant for more

/** `core-01`, `core-02` … */
export function machineName(number: number): string {
  return `core-${String(number).padStart(2, "0")}`;
}

/**
 * The cluster grown to `count` machines; the ones it has stay as they are. Ids sort like the machines' numbers, so
 * that fleet's ties (lowest id first) fall the way a person expects.
 * @param randomHex gives fresh hex digits, as many as asked for.
 */
export function growCluster(
  cluster: Cluster,
  count: number,
  metadata: ReadonlyMap<string, Readonly<Record<string, string>>>,
  randomHex: (digits: number) => string,
): Cluster {
  if (!Number.isInteger(count) || count < 1 || count > MACHINES_MAX)
    throw new Fault("USAGE", `Cannot make ${count} machines: choose 1 to ${MACHINES_MAX}`);
  const machines = [...cluster.machines];
  for (let number = machines.length + 1; number <= count; number += 1) {
    const name = machineName(number);
    machines.push({
      name,
      number,
      id: `${cluster.idPrefix}${number.toString(16).padStart(2, "0")}${randomHex(24)}`,
      address: `${cluster.network}.${number}`,
      metadata: { role: roleOf(number, cluster.servers), ...metadata.get(name) },
      equipment: PLAIN_EQUIPMENT,
    });
  }
  return { ...cluster, machines };
}

/** The one machine that everything hangs on is named for it, so that units can keep off it. */
function roleOf(number: number, servers: number): "store" | "worker" {
  return number === 1 && servers === 1 ? "store" : "worker";
}

/** `NAME=URL,…` of the machines that hold the store, for etcd's `initial-cluster`. */
export function initialCluster({ network, servers }: Pick<Cluster, "network" | "servers">): string {
  const members = Array.from(
    { length: servers },
    (_, at) => `${machineName(at + 1)}=http://${network}.${at + 1}:2380`,
  );
  return members.join(",");
}

/**
 * The machines that `names` mean; all of them without names.
 * @throws {Fault} MACHINE_NOT_FOUND naming those there are.
 */
export function chooseMachines(cluster: Cluster, names: readonly string[]): readonly Machine[] {
  if (names.length === 0) return cluster.machines;
  return [...new Set(names)].map((name) => {
    const machine = cluster.machines.find((m) => m.name === name);
    if (machine !== undefined) return machine;
    const known = cluster.machines.map((m) => m.name).join(", ");
    throw new Fault(
      "MACHINE_NOT_FOUND",
      known === ""
        ? `Cannot find machine "${name}": there are no machines; make some with \`keelson up\``
        : `Cannot find machine "${name}": there are ${known}; \`keelson up --machines N\` adds more`,
    );
  });
}

/**
 * Parses `NAME:key=value` of `--metadata`; without a name it is told to every machine made.
 * @param names of all machines that there will be.
 * @throws {Fault} USAGE
 */
export function parseMetadata(
  texts: readonly string[],
  names: readonly string[],
): Map<string, Record<string, string>> {
  const byName = new Map<string, Record<string, string>>();
  for (const text of texts) {
    const match = /^(?:([^:=]+):)?([^:=,]+)=([^,]*)$/.exec(text);
    if (match === null)
      throw new Fault(
        "USAGE",
        `Cannot use metadata "${text}": expected KEY=VALUE or MACHINE:KEY=VALUE, such as core-02:disk=ssd`,
      );
    const [, only, key = "", value = ""] = match;
    if (only !== undefined && !names.includes(only))
      throw new Fault(
        "USAGE",
        `Cannot use metadata "${text}": there will be no machine "${only}", only ${names.join(", ")}; \`--machines N\` makes more`,
      );
    for (const name of only === undefined ? names : [only])
      byName.set(name, { ...byName.get(name), [key]: value });
  }
  return byName;
}
