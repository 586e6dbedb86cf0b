import { daemonUnits, machineEnvironment, type TreeFile } from "./base-tree.ts";
import { gatewayOf, networkOf } from "./container-network.ts";
import { PROGRAM_INSIDE } from "./container-recipe.ts";
import type { Machine } from "./machine.ts";

export interface ContainerFacts {
  readonly machine: Machine;
  /** The cluster's public key, a line of authorized_keys(5). */
  readonly publicKey: string;
  /** Of the programs inside, beside what every machine has. */
  readonly environment: Readonly<Record<string, string>>;
  /** Whether root may raise limits on this computer (CAP_SYS_RESOURCE, capabilities(7)); inside it is the same. */
  readonly mayRaiseLimits: boolean;
  /** Where names are asked for; for a machine that reaches other networks. */
  readonly nameservers: readonly string[];
}

const DEFAULT_CHANNEL = "stable";

/** Interface and link; cloud-configs know CoreOS's name. */
const INTERFACE = "eth0";

/** What is written on a container's disk at each boot, over the base tree and before its user-data is applied. */
export function containerTree(facts: ContainerFacts): readonly TreeFile[] {
  const { machine } = facts;
  const { name, address, id } = machine;
  const { PATH: _, ...clients } = machineEnvironment({
    machine,
    root: "",
    program: PROGRAM_INSIDE,
  });
  const environment = { ...clients, ...facts.environment };
  return [
    { path: "etc/machine-id", content: `${id}\n` },
    { path: "etc/hostname", content: `${name}\n` },
    { path: "etc/hosts", content: `127.0.0.1 localhost\n::1 localhost\n${address} ${name}\n` },
    {
      path: "etc/environment",
      content: `COREOS_PRIVATE_IPV4=${address}\nCOREOS_PUBLIC_IPV4=${address}\n`,
    },
    {
      path: "etc/keelson/metadata",
      content: Object.entries(machine.metadata)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(""),
    },
    {
      path: "usr/share/coreos/update.conf",
      content: `GROUP=${machine.equipment.channel ?? DEFAULT_CHANNEL}\n`,
    },
    {
      path: "etc/resolv.conf",
      content: facts.nameservers.map((server) => `nameserver ${server}\n`).join(""),
    },
    { path: "etc/motd", content: motd(machine) },
    { path: "etc/systemd/journald.conf.d/10-keelson.conf", content: JOURNALD },
    { path: "usr/lib/systemd/network/zz-keelson.network", content: network(machine) },
    { path: "etc/ssh/authorized_keys.d/core", content: facts.publicKey },
    { path: "etc/ssh/sshd_config.d/10-keelson.conf", content: sshd(environment) },
    {
      path: "etc/systemd/system.conf.d/10-keelson.conf",
      content: `[Manager]\nDefaultEnvironment=${assignments(environment)}\n`,
    },
    {
      path: "etc/profile.d/keelson.sh",
      content: Object.entries(environment)
        .map(([key, value]) => `export ${key}='${value}'\n`)
        .join(""),
    },
    {
      path: "etc/containers/containers.conf.d/10-keelson.conf",
      content: facts.mayRaiseLimits ? "" : CONTAINERS_WITHIN_LIMITS,
    },
    ...unitFiles(machine),
  ];
}

/** Links of a container's disk, by path; each leads to another path inside. */
export const CONTAINER_LINKS: Readonly<Record<string, string>> = Object.fromEntries(
  ["coreos-cloudinit.service", "fleet-leave.service"].map((unit) => [
    `usr/lib/systemd/system/multi-user.target.wants/${unit}`,
    `../${unit}`,
  ]),
);

function unitFiles(machine: Machine): readonly TreeFile[] {
  const daemons = daemonUnits({ machine, root: "", program: PROGRAM_INSIDE });
  const dropIns = Object.keys(daemons).map((unit) => ({
    path: `${unit}.d/10-network.conf`,
    content: "[Unit]\nWants=network-online.target\nAfter=network-online.target\n",
  }));
  return [
    ...Object.entries(daemons).map(([path, content]) => ({ path, content })),
    ...dropIns,
    { path: "fleet.service.d/20-socket.conf", content: FLEET_SOCKET },
    { path: "keelson-eth0.service", content: ETH0 },
    {
      path: "systemd-networkd.service.d/10-eth0.conf",
      content: "[Unit]\nWants=keelson-eth0.service\nAfter=keelson-eth0.service\n",
    },
  ].map(({ path, content }) => ({ path: `usr/lib/systemd/system/${path}`, content }));
}

/** Everybody may talk to fleet, as on CoreOS. */
const FLEET_SOCKET = "[Service]\nExecStartPost=-/bin/chmod 0666 /run/fleet.sock\n";

/** systemd-nspawn calls it host0. */
const ETH0 = `[Unit]
Description=The network interface has the name that CoreOS gives it
DefaultDependencies=no
Before=systemd-networkd.service network-pre.target
Wants=network-pre.target
ConditionPathExists=/sys/class/net/host0

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/ip link set dev host0 down
ExecStart=/bin/ip link set dev host0 name ${INTERFACE}
`;

/** containers.conf(5): crun ends when it may not raise what it starts with, or lock memory for a control group. */
const CONTAINERS_WITHIN_LIMITS = `[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
`;

const JOURNALD = `[Journal]
Storage=persistent
SystemMaxUse=64M
ReadKMsg=no
Audit=no
ForwardToSyslog=no
ForwardToWall=no
`;

/** The last of all, so that a cloud-config's own file for the interface comes before it. */
function network({ address, equipment }: Machine): string {
  const gateway = equipment.internet === true ? `Gateway=${gatewayOf(networkOf(address))}\n` : "";
  return `[Match]
Name=${INTERFACE}

[Network]
Address=${address}/24
${gateway}LinkLocalAddressing=no
IPv6AcceptRA=no
`;
}

/** Keys are found where people put them, and where the cluster's own key is. */
function sshd(environment: Readonly<Record<string, string>>): string {
  return `HostKey /etc/ssh/ssh_host_ed25519_key
AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/authorized_keys.d/%u
PasswordAuthentication no
UseDNS no
SetEnv ${assignments(environment)}
`;
}

function assignments(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([key, value]) => `"${key}=${value}"`)
    .join(" ");
}

function motd({ name, address, metadata }: Machine): string {
  const told = Object.entries(metadata).map(([key, value]) => `${key}=${value}`);
  return `${name} (${address}), a machine of Keelson: ${told.join(", ")}\n`;
}
