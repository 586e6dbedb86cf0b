import { Fault } from "#base/fault.ts";
import {
  type Cluster,
  DEFAULT_GROUP,
  type Equipment,
  MACHINES_MAX,
  type Machine,
  machineName,
  PLAIN_EQUIPMENT,
} from "./machine.ts";

/** A machine as a project file or the command line wants it. */
export interface WantedMachine {
  readonly name: string;
  /** Last byte of its address; a machine that was made keeps the one it has. */
  readonly number: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly equipment: Equipment;
  /** Whether it holds the store, as far as Keelson's own user-data decides it. */
  readonly isServer: boolean;
}

export interface ClusterPlan {
  readonly cluster: Cluster;
  /** Machines that were made and are not wanted any more; the cluster still has them. */
  readonly surplus: readonly Machine[];
  /** Machines that keep an address other than the one wanted. */
  readonly elsewhere: readonly Machine[];
}

/**
 * The cluster with what is wanted added: machines there are keep their identity and get the equipment and metadata
 * of now. Ids sort like the machines' numbers, so that fleet's ties (lowest id first) fall the way a person expects.
 * @param randomHex gives fresh hex digits, as many as asked for.
 * @throws {Fault} USAGE when an address is wanted that another machine has.
 */
export function planCluster(
  cluster: Cluster,
  wanted: readonly WantedMachine[],
  randomHex: (digits: number) => string,
): ClusterPlan {
  const made = new Map(cluster.machines.map((machine) => [machine.name, machine]));
  const holders = new Map(cluster.machines.map(({ number, name }) => [number, name]));
  const names = new Set(wanted.map(({ name }) => name));
  const machines = wanted.map(({ name, number, metadata, equipment }): Machine => {
    const there = made.get(name);
    if (there !== undefined) return { ...there, metadata, equipment };
    const holder = holders.get(number);
    if (holder !== undefined)
      throw new Fault(
        "USAGE",
        `Cannot make ${name}: ${cluster.network}.${number} is the address of ${holder}; destroy that (\`keelson destroy ${holder}\`), or give the group of ${name} another \`first:\``,
      );
    const id = newId(cluster.idPrefix, number, randomHex);
    return { name, number, id, address: `${cluster.network}.${number}`, metadata, equipment };
  });
  const surplus = cluster.machines.filter(({ name }) => !names.has(name));
  const servers = wanted.filter(({ isServer }) => isServer).map(({ name }) => name);
  return {
    cluster: { ...cluster, servers, machines: [...machines, ...surplus] },
    surplus,
    elsewhere: machines.filter(({ number }, at) => number !== wanted[at]?.number),
  };
}

/** A machine whose disk is gone: what is made next under its name is another one. */
export function forgetDisk(
  { name, number, address, metadata, equipment }: Machine,
  cluster: Cluster,
  randomHex: (digits: number) => string,
): Machine {
  const id = newId(cluster.idPrefix, number, randomHex);
  return { name, number, id, address, metadata, equipment };
}

function newId(prefix: string, number: number, randomHex: (digits: number) => string): string {
  return `${prefix}${number.toString(16).padStart(2, "0")}${randomHex(24)}`;
}

/** What the command line says of a cluster without a project file. */
export interface CoreMachines {
  /** How many there shall be. */
  readonly count: number;
  /** How many of them, from the first, hold the store. */
  readonly servers: number;
  /** For machines that are made now, by name. */
  readonly metadata: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/**
 * `core-01`, `core-02` …; those there are stay as they are.
 * @throws {Fault} USAGE for an impossible count.
 */
export function coreMachines(
  made: readonly Machine[],
  { count, servers, metadata }: CoreMachines,
): readonly WantedMachine[] {
  if (!Number.isInteger(count) || count < 1 || count > MACHINES_MAX)
    throw new Fault("USAGE", `Cannot make ${count} machines: choose 1 to ${MACHINES_MAX}`);
  return Array.from({ length: count }, (_, at): WantedMachine => {
    const number = at + 1;
    const name = machineName(DEFAULT_GROUP, number);
    const there = made.find((machine) => machine.name === name);
    return {
      name,
      number: there?.number ?? number,
      metadata: there?.metadata ?? { role: roleOf(number, servers), ...metadata.get(name) },
      equipment: there?.equipment ?? PLAIN_EQUIPMENT,
      isServer: number <= servers,
    };
  });
}

/** The one machine that everything hangs on is named for it, so that units can keep off it. */
function roleOf(number: number, servers: number): "store" | "worker" {
  return number === 1 && servers === 1 ? "store" : "worker";
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
