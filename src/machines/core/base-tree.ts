import type { Machine } from "./machine.ts";

/** A file of a machine's tree, with its path inside of it. */
export interface TreeFile {
  readonly path: string;
  readonly content: string;
}

export interface TreeFacts {
  readonly machine: Machine;
  /** The machine's root directory as it is seen on the host; inside it is the same. */
  readonly root: string;
  /** Absolute path of `bin/keelson`. */
  readonly program: string;
}

/** fleet's API on TCP, the port the original's documents use. */
export const FLEET_PORT = 49153;

/** While this file is there, a machine that shuts down keeps its place in the fleet. */
export const STAY_FILE = "run/keelson/stay";

/** Where a machine keeps its user-data, as CoreOS does. */
export const USER_DATA = "var/lib/coreos-install/user_data";

/** Where this machine's fleet API answers on TCP. */
export function fleetUrl(machine: Machine): string {
  return `http://${machine.address}:${FLEET_PORT}`;
}

/** Where this machine's etcd answers, when its user-data starts one the usual way. */
export function etcdUrl(machine: Machine): string {
  return `http://${machine.address}:2379`;
}

/**
 * What a machine brings along before its user-data is applied: who it is, and the units that CoreOS ships and a
 * cloud-config starts. They stand where a distribution's units stand, so that drop-ins configure them unchanged.
 */
export function baseTree(facts: TreeFacts): readonly TreeFile[] {
  const { machine } = facts;
  return [
    { path: "etc/machine-id", content: `${machine.id}\n` },
    { path: "etc/hostname", content: `${machine.name}\n` },
    {
      path: "etc/environment",
      content: `COREOS_PRIVATE_IPV4=${machine.address}\nCOREOS_PUBLIC_IPV4=${machine.address}\n`,
    },
    {
      path: "etc/keelson/metadata",
      content: Object.entries(machine.metadata)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(""),
    },
    { path: "etc/systemd/journald.conf", content: JOURNALD },
    {
      path: "etc/environment.d/10-keelson.conf", // environment.d(5)
      content: Object.entries(machineEnvironment(facts))
        .map(([name, value]) => `${name}="${value}"\n`)
        .join(""),
    },
    ...Object.entries({ ...USER_MANAGER_UNITS, ...daemonUnits(facts) }).map(([name, content]) => ({
      path: `usr/lib/systemd/system/${name}`,
      content,
    })),
  ];
}

const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What units and people find in their environment: the clients, pointed at their own machine. */
export function machineEnvironment({ machine, root, program }: TreeFacts): Record<string, string> {
  return {
    PATH: `${program.slice(0, program.lastIndexOf("/"))}:${SYSTEM_PATH}`,
    FLEETCTL_ENDPOINT: `unix://${root}/run/fleet.sock`,
    ETCDCTL_API: "2",
    // A cloud-config may have etcd2 listen on either; loopback is a machine's own where its network is.
    ETCDCTL_ENDPOINTS: root === "" ? `${etcdUrl(machine)},http://127.0.0.1:2379` : etcdUrl(machine),
  };
}

const JOURNALD = `[Journal]
Storage=persistent
SystemMaxUse=64M
ReadKMsg=no
Audit=no
ForwardToSyslog=no
ForwardToWall=no
`;

/** `text` as one word of a command line or of Environment=, systemd.syntax(7); see unusableCharacter(). */
function word(text: string): string {
  return `"${withoutSpecifiers(text)}"`;
}

function withoutSpecifiers(text: string): string {
  return text.replaceAll("%", "%%");
}

/** What a manager of a user's lacks beside a system's. */
const USER_MANAGER_UNITS: Readonly<Record<string, string>> = {
  "multi-user.target": `[Unit]
Description=Multi-User System
Requires=basic.target
Wants=coreos-cloudinit.service fleet-leave.service
After=basic.target
`,
  "dbus.socket": "", // empty masks the one that Debian starts for every user manager
  "network.target": "[Unit]\nDescription=Network\n",
  "network-online.target": "[Unit]\nDescription=Network is Online\n",
};

/** The units that CoreOS ships, of which a cloud-config starts some, by name. */
export function daemonUnits({ machine, root, program }: TreeFacts): Record<string, string> {
  const run = word(program);
  const userData = `${root}/${USER_DATA}`;
  return {
    "coreos-cloudinit.service": `[Unit]
Description=Configure this machine from its cloud-config
ConditionPathExists=${withoutSpecifiers(userData)}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${run} coreos-cloudinit ${word(`--from-file=${userData}`)}
TimeoutStartSec=300
`,
    "etcd2.service": `[Unit]
Description=etcd2
Conflicts=etcd.service

[Service]
Type=notify
NotifyAccess=all
Environment=${word(`ETCD_DATA_DIR=${root}/var/lib/etcd2`)}
Environment=ETCD_NAME=%m
ExecStart=${run} etcd2
Restart=always
RestartSec=2s
LimitNOFILE=40000
TimeoutStartSec=0

[Install]
WantedBy=multi-user.target
`,
    "fleet.service": `[Unit]
Description=fleet daemon
After=etcd.service etcd2.service
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=all
Environment=${word(`FLEET_API_LISTEN=unix://${root}/run/fleet.sock,${fleetUrl(machine)}`)}
Environment=FLEET_API_ADVERTISE=${fleetUrl(machine)}
Environment=FLEET_PUBLIC_IP=${machine.address}
Environment=FLEET_API_EXEC=all
ExecStart=${run} fleetd
Restart=always
RestartSec=500ms
TimeoutStartSec=0

[Install]
WantedBy=multi-user.target
`,
    "fleet-leave.service": `[Unit]
Description=Leave the fleet when this machine shuts down
After=fleet.service etcd2.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=-/bin/sh -c 'test -e "$$0" || exec "$$1" fleetd leave' ${word(`${root}/${STAY_FILE}`)} ${run}
TimeoutStopSec=60
`,
  };
}
