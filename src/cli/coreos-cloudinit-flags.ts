import { Fault } from "#base/fault.ts";
import { NETWORK_FORMATS, type NetworkFormat } from "#cloudconfig/core/network-format.ts";
import { DEFAULT_WORKSPACE } from "#cloudconfig/core/plan-script.ts";
import { DEFAULT_SSH_KEY_NAME } from "#cloudconfig/core/plan-users.ts";
import type { SourceChoice } from "#cloudconfig/sources/open-sources.ts";
import { nearestWord } from "#unitfile/core/nearest-word.ts";

/** Flags with their defaults; a switch begins as false. Those below the line are not the original's. */
const DEFAULTS = {
  "from-file": "",
  "from-url": "",
  "from-configdrive": "",
  "from-metadata-service": false,
  "from-ec2-metadata": "",
  "from-gce-metadata": "",
  "from-cloudsigma-metadata": false,
  "from-digitalocean-metadata": "",
  "from-packet-metadata": "",
  "from-waagent": "",
  "from-proc-cmdline": false,
  "from-vmware-guestinfo": false,
  "from-vmware-ovf-env": "",
  oem: "",
  "convert-netconf": "",
  workspace: DEFAULT_WORKSPACE,
  "ssh-key-name": DEFAULT_SSH_KEY_NAME,
  validate: false,
  "ignore-failure": false,
  version: false,
  help: false,
  h: false,
  // ---
  "from-openstack-metadata": "",
  root: "",
  wait: "",
  "dry-run": false,
  json: false,
  facts: false,
};
export type Flags = typeof DEFAULTS;
type FlagName = keyof Flags;

const URL_FLAGS = [
  "from-url",
  "from-ec2-metadata",
  "from-gce-metadata",
  "from-digitalocean-metadata",
  "from-packet-metadata",
  "from-openstack-metadata",
] as const satisfies readonly FlagName[];

const LINK_LOCAL = "http://169.254.169.254/";

/** What `--oem` stands for. It goes before the flags themselves, as in the original. */
const OEMS: Readonly<Record<string, Partial<Flags>>> = {
  azure: { "from-waagent": "/var/lib/waagent" },
  cloudsigma: { "from-cloudsigma-metadata": true },
  digitalocean: { "from-digitalocean-metadata": LINK_LOCAL },
  "ec2-compat": { "from-ec2-metadata": LINK_LOCAL, "from-configdrive": "/media/configdrive" },
  gce: { "from-gce-metadata": "http://metadata.google.internal/" },
  packet: { "from-packet-metadata": "https://metadata.packet.net/" },
  "rackspace-onmetal": { "from-configdrive": "/media/configdrive", "convert-netconf": "debian" },
  vmware: { "from-vmware-guestinfo": true, "convert-netconf": "vmware" },
};

/**
 * A command line in the manner of Go's flag package: one hyphen or two, `--name=value` or `--name value`, switches with
 * or without a value; of a flag given twice the last counts.
 * @throws {Fault} USAGE
 */
export function parseFlags(args: readonly string[]): Flags {
  const flags: Record<string, string | boolean> = { ...DEFAULTS };
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    const [, name, value] = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name === undefined) throw usage(`"${arg}" is no flag, and nothing else is taken`);
    if (!isFlag(name)) throw unknown(name);
    if (typeof DEFAULTS[name] === "boolean") flags[name] = parseSwitch(name, value ?? "true");
    else flags[name] = value ?? rest.shift() ?? missing(name);
  }
  for (const name of URL_FLAGS)
    if (flags[name] !== "" && !/^https?:\/\/[^/]/.test(String(flags[name])))
      throw usage(`--${name} is "${flags[name]}"; expected http://HOST… or https://HOST…`);
  const { oem } = flags as Flags;
  if (oem === "") return flags as Flags;
  if (!Object.hasOwn(OEMS, oem))
    throw usage(`--oem is "${oem}"; choose one of ${Object.keys(OEMS).join(", ")}`);
  return { ...(flags as Flags), ...OEMS[oem] };
}

/** @throws {Fault} USAGE */
export function networkFormatOf(flags: Flags): NetworkFormat | undefined {
  const name = flags["convert-netconf"];
  const format = NETWORK_FORMATS.find((each) => each === name);
  if (name !== "" && format === undefined)
    throw usage(`--convert-netconf is "${name}"; choose one of ${NETWORK_FORMATS.join(", ")}`);
  return format;
}

/** How long to wait for a source; undefined when it is not said. @throws {Fault} USAGE */
export function waitMsOf(flags: Flags): number | undefined {
  if (flags.wait === "") return undefined;
  if (!/^\d{1,6}$/.test(flags.wait))
    throw usage(`--wait is "${flags.wait}"; expected a number of seconds`);
  return Number(flags.wait) * 1000;
}

export function sourceChoiceOf(flags: Flags): SourceChoice {
  return {
    file: flags["from-file"],
    url: flags["from-url"],
    configDrive: flags["from-configdrive"],
    metadataService: flags["from-metadata-service"],
    ec2Metadata: flags["from-ec2-metadata"],
    gceMetadata: flags["from-gce-metadata"],
    cloudSigmaMetadata: flags["from-cloudsigma-metadata"],
    digitalOceanMetadata: flags["from-digitalocean-metadata"],
    openStackMetadata: flags["from-openstack-metadata"],
    waagent: flags["from-waagent"],
    packetMetadata: flags["from-packet-metadata"],
    procCmdline: flags["from-proc-cmdline"],
    vmwareGuestinfo: flags["from-vmware-guestinfo"],
    vmwareOvfEnv: flags["from-vmware-ovf-env"],
  };
}

/** The flags that name sources, for messages. */
export const SOURCE_FLAGS: readonly string[] = Object.keys(DEFAULTS)
  .filter((name) => name.startsWith("from-") && name !== "from-metadata-service")
  .map((name) => `--${name}`);

function isFlag(name: string): name is FlagName {
  return Object.hasOwn(DEFAULTS, name);
}

/** As Go reads truth values. */
function parseSwitch(name: string, text: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw usage(`--${name} is "${text}"; expected true or false`);
}

function unknown(name: string): Fault {
  const near = nearestWord(name, Object.keys(DEFAULTS));
  return usage(
    `--${name} is no flag of it${near === undefined ? "" : ` (did you mean --${near}?)`}`,
  );
}

function missing(name: string): never {
  throw usage(`--${name} has no value`);
}

function usage(why: string): Fault {
  return new Fault("USAGE", `Cannot start: ${why}; coreos-cloudinit --help shows what it takes`);
}

export const HELP = `Usage: coreos-cloudinit SOURCE... [OPTION]...
Configures a machine from its user-data: a cloud-config, or a script.

Sources; of several the first that is available is used:
  --from-file=FILE                   a file, or the standard input for -
  --from-url=URL
  --from-configdrive=DIR             an OpenStack configuration drive, mounted
  --from-ec2-metadata=URL            a metadata service of EC2, or compatible (${LINK_LOCAL})
  --from-openstack-metadata=URL      the metadata service of OpenStack, by its own names
  --from-gce-metadata=URL            Google Compute Engine (http://metadata.google.internal/)
  --from-digitalocean-metadata=URL   DigitalOcean (${LINK_LOCAL})
  --from-packet-metadata=URL         Packet (https://metadata.packet.net/)
  --from-cloudsigma-metadata         CloudSigma's server context, on the serial port
  --from-waagent=DIR                 what Azure's agent leaves (/var/lib/waagent)
  --from-vmware-guestinfo            VMware's guestinfo variables
  --from-vmware-ovf-env=FILE         an OVF environment document
  --from-proc-cmdline                the URL after cloud-config-url= on the kernel's command line
  --oem=NAME                         those of a provider: ${Object.keys(OEMS).slice(0, 4).join(", ")},
                                     ${Object.keys(OEMS).slice(4).join(", ")}

Options:
  --convert-netconf=FORMAT   set up the network from the metadata: ${NETWORK_FORMATS.join(", ")}
  --ssh-key-name=NAME        what keys for core are kept as; default ${DEFAULT_SSH_KEY_NAME}
  --workspace=DIR            where scripts are kept; default ${DEFAULT_WORKSPACE}
  --root=DIR                 the machine's root directory; default $KEELSON_ROOT, else /
  --wait=SECONDS             how long to wait for a source; default 300, or 0 with the next three
  --validate                 only check the user-data: prints what is wrong, line by line
  --dry-run                  only show what would be done, in order; --json: as JSON
  --facts                    show what templates know of this machine; --json: as JSON
  --ignore-failure           end with status 0 also when the user-data cannot be used
  --version, --help

Variables in it: $private_ipv4, $public_ipv4, $private_ipv6, $public_ipv6 (from the source's metadata, COREOS_PRIVATE_IPV4 …
in the environment or etc/environment) and, in the sections of the daemons, $hostname.
Status: 0 applied or valid, 1 malformed or failed, 2 wrong use.
`;
