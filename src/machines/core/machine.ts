/** A machine for trying and developing, as the cluster's record keeps it. */
export interface Machine {
  /** Also its hostname, such as `core-01`: its group and its place in it. */
  readonly name: string;
  /** From 1, unique in its cluster; the last byte of its address. */
  readonly number: number;
  /** 32 hex digits, machine-id(5). */
  readonly id: string;
  readonly address: string;
  /** Told to fleet as the machine's metadata. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly equipment: Equipment;
  /** Digest of the user-data that its next boot applies; absent: unknown. */
  readonly userData?: string | undefined;
  /** What it was given when it last booted; absent: it never did. */
  readonly booted?: BootedWith | undefined;
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
  /** Whether it reaches what this computer does, by its address; for machines with a network of their own. */
  readonly internet?: boolean | undefined;
}

export interface SharedFolder {
  /** Absolute, on this computer. */
  readonly host: string;
  /** Absolute, inside the machine. */
  readonly path: string;
  readonly readOnly: boolean;
}

export const PLAIN_EQUIPMENT: Equipment = { folders: [] };

/** Digests, to be compared with those of what it would be given now. */
export interface BootedWith {
  readonly userData?: string | undefined;
  /** Of metadata and equipment. */
  readonly settings: string;
}

/** Everything `keelson up` remembers between calls. */
export interface Cluster {
  /** Which provider made the machines. */
  readonly provider: string;
  /** First three bytes of every machine's address, such as `127.0.1`. */
  readonly network: string;
  /** Six hex digits that the ids of this cluster's machines begin with. */
  readonly idPrefix: string;
  /** Names of the machines that hold the store, as far as Keelson's own user-data decides it. */
  readonly servers: readonly string[];
  /** The project file that says what it consists of; absent: the command line did. */
  readonly project?: string | undefined;
  /** The discovery URL that was made for it. */
  readonly discovery?: string | undefined;
  readonly machines: readonly Machine[];
}

/** Of machines that have loopback addresses. */
export const DEFAULT_NETWORK = "127.0.1";

/** The group of machines that no project file names. */
export const DEFAULT_GROUP = "core";

export const MACHINES_MAX = 99; // of a group: two digits in the name; one computer is not meant for more

/** `core-01`, `core-02` … as Vagrant's users know them. */
export function machineName(group: string, place: number): string {
  return `${group}-${String(place).padStart(2, "0")}`;
}

/** The group that a machine's name tells. */
export function groupOf(name: string): string {
  return name.replace(/-\d+$/, "");
}

/** `NAME=URL,…` of the machines that hold the store, for etcd's `initial-cluster`. */
export function initialCluster({ machines, servers }: Cluster): string {
  return machines
    .filter(({ name }) => servers.includes(name))
    .map(({ name, address }) => `${name}=http://${address}:2380`)
    .join(",");
}

/** What of the record a boot hands to the machine, as one text to make a digest of. */
export function settingsOf({ metadata, equipment }: Machine): string {
  const pairs = Object.entries(metadata).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const { folders, memoryBytes, cpus, channel, packages, internet } = equipment;
  const settings = [pairs, folders, memoryBytes, cpus, channel, packages ?? []];
  return JSON.stringify(internet === true ? [...settings, internet] : settings);
}
