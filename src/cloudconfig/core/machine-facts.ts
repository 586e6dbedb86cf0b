/** What is known of the machine that a cloud-config is applied to. */
export interface MachineFacts {
  /** The name its provider gave it; the cloud-config's own `hostname` wins. */
  readonly hostname?: string;
  /** The name it bears now; stands for `$hostname` when nothing gives it another. */
  readonly currentHostname?: string;
  readonly privateIpv4?: string;
  readonly publicIpv4?: string;
  readonly privateIpv6?: string;
  readonly publicIpv6?: string;
  /** Told to fleet beside what the cloud-config says; the cloud-config wins. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Files on the machine that a cloud-config changes in part. */
  readonly environmentFile?: string;
  readonly updateConf?: string;
  /** What its system says; only templates ask for it. */
  readonly system?: SystemFacts;
  /** Not of a machine: only to check a cloud-config by. What is not known has an example's value. */
  readonly isExample?: boolean;
}

/** What a running system says of itself. */
export interface SystemFacts {
  /** 32 hex digits, machine-id(5). */
  readonly machineId?: string;
  /** As `uname -m` says it, such as `x86_64`. */
  readonly architecture: string;
  /** The kernel's release, `uname -r`. */
  readonly kernel: string;
  readonly cpus: number;
  readonly memoryMib: number;
  /** `vendor`, `product`, `serial` and `uuid`, as far as the firmware (SMBIOS) has them and they may be read. */
  readonly hardware: Readonly<Record<string, string>>;
  /** Of os-release(5), the keys in small letters. */
  readonly os: Readonly<Record<string, string>>;
  readonly interfaces: readonly InterfaceFacts[];
  /** The way to everywhere; of several, the one with the lowest metric. */
  readonly defaultRoute?: { readonly interface: string; readonly gateway?: string };
  /** The names that reverse lookups found for the machine's addresses. */
  readonly reverseNames: Readonly<Record<string, string>>;
}

export interface InterfaceFacts {
  readonly name: string;
  readonly mac?: string;
  /** Those that others can reach come first, before link-local ones. */
  readonly ipv4: readonly InterfaceAddress[];
  readonly ipv6: readonly InterfaceAddress[];
}

export interface InterfaceAddress {
  readonly address: string;
  /** Bits of the network's part. */
  readonly prefixLength: number;
}

/** The variables of /etc/environment that carry the addresses, as the original reads and writes them. */
export const ADDRESS_VARIABLES = {
  COREOS_PRIVATE_IPV4: "privateIpv4",
  COREOS_PRIVATE_IPV6: "privateIpv6",
  COREOS_PUBLIC_IPV4: "publicIpv4",
  COREOS_PUBLIC_IPV6: "publicIpv6",
} as const satisfies Record<string, keyof MachineFacts>;
