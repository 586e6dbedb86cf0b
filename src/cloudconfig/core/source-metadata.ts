/**
 * What a source of user-data, such as a cloud's metadata service, tells of the machine it configures. Addresses are
 * checked: IPv4 in dotted form, IPv6 as the source wrote it.
 */
export interface SourceMetadata {
  readonly publicIpv4?: string;
  readonly publicIpv6?: string;
  readonly privateIpv4?: string;
  readonly privateIpv6?: string;
  /** The machine's name; the cloud-config's own `hostname` wins. */
  readonly hostname?: string;
  /** Keys that may log in, as lines of an authorized_keys file, by the names the source has for them. */
  readonly sshPublicKeys: Readonly<Record<string, string>>;
  /**
   * The network's description, for `--convert-netconf`: the text of a Debian interfaces file (config drive), Packet's
   * `network` object, or VMware's `interface.…` and `dns.…` variables by name.
   */
  readonly networkConfig?: unknown;
}

/** Of a source that knows user-data only, such as a file. */
export const NO_METADATA: SourceMetadata = { sshPublicKeys: {} };
