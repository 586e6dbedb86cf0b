/** A file of systemd-networkd's, systemd.network(5) or systemd.netdev(5). */
export interface NetworkFile {
  /** Such as `00-eth0.network`: without a directory. */
  readonly name: string;
  readonly content: string;
}

/** What a description of a network means for systemd-networkd. */
export interface NetworkConfiguration {
  /** In this order, `.netdev` before `.network`. Of two with one name the last one counts. */
  readonly files: readonly NetworkFile[];
  /** Modules of the kernel that have to be there before, with their options such as `miimon=100`. */
  readonly modules: readonly { readonly name: string; readonly options: readonly string[] }[];
  /** The interfaces described, by name: to be taken down before, so that networkd sets them up anew. */
  readonly interfaces: readonly string[];
}

export interface Route {
  /** `10.0.0.0/8`. */
  readonly destination: string;
  readonly gateway: string;
}

/** How an interface gets its addresses. */
export type Method =
  | { readonly kind: "none" }
  | { readonly kind: "dhcp"; readonly mac?: string | undefined }
  | {
      readonly kind: "static";
      /** Of the interface itself, for VLANs. */
      readonly mac?: string | undefined;
      readonly domains?: readonly string[];
      readonly nameservers: readonly string[];
      readonly addresses: readonly string[];
      readonly routes: readonly Route[];
    };

/** An interface, in the words of systemd-networkd. Texts are checked: they have no line ends. */
export interface NetworkInterface {
  /** Empty: whichever has `mac`. */
  readonly name: string;
  /** Only an interface with this address is meant. */
  readonly mac?: string | undefined;
  /** How many layers lie over it: a bond that carries a VLAN has 1, its slaves 2. Deeper ones come later by name. */
  readonly depth: number;
  readonly method: Method;
  /** The bonds that it is a slave of, and the VLANs on it. */
  readonly over: readonly { readonly kind: "Bond" | "VLAN"; readonly name: string }[];
  /** What has to be made; nothing for hardware. */
  readonly device?:
    | { readonly kind: "bond"; readonly options: Readonly<Record<string, string>> }
    | { readonly kind: "vlan"; readonly id: number }
    | undefined;
}

/** The original's files, octet by octet, except that one with neither name nor address is any but `lo`. */
export function describeNetwork(interfaces: readonly NetworkInterface[]): NetworkConfiguration {
  const files = interfaces.flatMap((one) => {
    const depth = one.depth.toString(16).padStart(2, "0");
    const name = `${depth}-${one.name || (one.mac ?? "")}`;
    const network = { name: `${name}.network`, content: networkUnit(one) };
    const netdev = netdevUnit(one);
    return netdev === undefined
      ? [network]
      : [{ name: `${name}.netdev`, content: netdev }, network];
  });
  const devices = interfaces.flatMap((one) => one.device ?? []);
  const bond = devices.find((device) => device.kind === "bond");
  return {
    files,
    modules: [
      ...(devices.some((device) => device.kind === "vlan") ? [{ name: "8021q", options: [] }] : []),
      // Its options are the defaults of every bond: the module is loaded once, for the first.
      ...(bond === undefined ? [] : [{ name: "bonding", options: settings(bond.options) }]),
    ],
    interfaces: interfaces.map((one) => one.name).filter(Boolean),
  };
}

function networkUnit(one: NetworkInterface): string {
  const match = [
    ...(one.name === "" ? [] : [`Name=${one.name}`]),
    ...(one.mac === undefined ? [] : [`MACAddress=${one.mac}`]),
  ];
  // systemd passes over a [Match] with nothing in it (252 does; those of CoreOS took it for every interface).
  const head = ["[Match]", ...(match.length === 0 ? ["Name=!lo"] : match), ""];
  const over = one.over.map(({ kind, name }) => `${kind}=${name}`);
  return lines([...head, "[Network]", ...over, ...methodLines(one.method)]);
}

function methodLines(method: Method): readonly string[] {
  switch (method.kind) {
    case "none":
      return [];
    case "dhcp":
      return ["DHCP=true"];
    case "static": {
      const { domains = [], nameservers, addresses, routes } = method;
      return [
        ...(domains.length === 0 ? [] : [`Domains=${domains.join(" ")}`]),
        ...nameservers.map((server) => `DNS=${server}`),
        ...addresses.flatMap((address) => ["", "[Address]", `Address=${address}`]),
        ...routes.flatMap(({ destination, gateway }) => [
          "",
          "[Route]",
          `Destination=${destination}`,
          `Gateway=${gateway}`,
        ]),
      ];
    }
    default:
      return method satisfies never;
  }
}

function netdevUnit({ name, mac, method, device }: NetworkInterface): string | undefined {
  if (device === undefined) return undefined;
  const vlanMac = method.kind === "none" ? undefined : method.mac;
  const own = device.kind === "bond" ? mac : vlanMac;
  const head = [
    "[NetDev]",
    `Kind=${device.kind}`,
    `Name=${name}`,
    ...(own === undefined ? [] : [`MACAddress=${own}`]),
    "",
  ];
  return device.kind === "bond"
    ? lines([...head, "[Bond]", ...settings(device.options)])
    : lines([...head, "[VLAN]", `Id=${device.id}`]);
}

function settings(options: Readonly<Record<string, string>>): readonly string[] {
  return Object.keys(options)
    .toSorted()
    .map((name) => `${name}=${options[name]}`);
}

function lines(all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
