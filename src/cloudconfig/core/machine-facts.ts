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
}

/** The variables of /etc/environment that carry the addresses, as the original reads and writes them. */
export const ADDRESS_VARIABLES = {
  COREOS_PRIVATE_IPV4: "privateIpv4",
  COREOS_PRIVATE_IPV6: "privateIpv6",
  COREOS_PUBLIC_IPV4: "publicIpv4",
  COREOS_PUBLIC_IPV6: "publicIpv6",
} as const satisfies Record<string, keyof MachineFacts>;
