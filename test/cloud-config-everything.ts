// What a computer is after cloud-config-everything.yaml, as the documents of the format say it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type CloudHost, PRIVATE_IPV4, PUBLIC_IPV4 } from "#test/cloud-config-host.ts";

export const EVERYTHING = readFileSync(
  join(import.meta.dirname, "cloud-config-everything.yaml"),
  "utf8",
);

/** The user-data with keys that its users can log in by: /root/core, /root/elroy. */
export async function everythingFor(host: CloudHost): Promise<string> {
  const make = (name: string) =>
    host.succeed(
      `ssh-keygen -q -t ed25519 -N "" -C ${name} -f /root/${name} && cat /root/${name}.pub`,
    );
  return EVERYTHING.replace(/^( +- )CORE_KEY$/m, `$1${await make("core")}`).replace(
    /^( +- )ELROY_KEY$/m,
    `$1${await make("elroy")}`,
  );
}

const TOOL = "#!/bin/sh\necho a tool\n";
const PACKED = `Packed, so that it is short: ${"a".repeat(40)}\n`;

/** Mode and owner as stat(1) tells them, then the content where it counts. */
const FILES: Readonly<Record<string, readonly [stat: string, content?: string]>> = {
  "/etc/hostname": ["644 root:root", "every-01\n"],
  "/etc/hosts": ["644 root:root", "127.0.0.1 localhost every-01\n"],
  "/etc/motd": ["644 root:root", `Good news, everyone at ${PRIVATE_IPV4} and $private_ipv4!\n`],
  "/srv/secret": ["600 alice:docker", "s"],
  "/srv/deep": ["755 root:root"],
  "/srv/deep/er/tool": ["755 root:root", TOOL],
  "/srv/from-the-root": ["644 root:root", ""],
  "/srv/gzip": ["644 root:root", PACKED],
  "/srv/gzip+base64": ["644 root:root", PACKED],
  "/srv/base64": ["644 root:docker", "five and six letters"],
  "/srv/octets": ["644 root:root", "\0\x01\x02\x03\ufffd"],
  "/srv/twice": ["644 root:root", "second"],
  "/etc/oem-release": [
    "644 root:root",
    `ID=rackspace
VERSION_ID=168.0.0
NAME="Rackspace \\"Cloud\\" Servers"
HOME_URL="https://www.rackspace.com/cloud/servers/"
BUG_REPORT_URL="https://github.com/coreos/coreos-overlay"
`,
  ],
  "/etc/coreos/update.conf": [
    "644 root:root",
    "GROUP=beta\nREBOOT_STRATEGY=off\nSERVER=https://update.example.com/v1/update/\n",
  ],
  "/etc/environment": [
    "644 root:root",
    `COREOS_PUBLIC_IPV4=${PUBLIC_IPV4}\nCOREOS_PRIVATE_IPV4=${PRIVATE_IPV4}\n`,
  ],
  "/etc/systemd/system/fleet.service.d/50-more.conf": [
    "644 root:root",
    `[Service]\nEnvironment="FLEET_MORE=%m ${PUBLIC_IPV4}"\n`,
  ],
  "/etc/systemd/network/10-idle.netdev": ["644 root:root", "[NetDev]\nName=idle0\nKind=bridge\n"],
  "/run/systemd/network/20-idle.network": ["644 root:root"],
  "/home/core/.ssh": ["700 core:core"],
  "/home/core/.ssh/authorized_keys": ["600 core:core"],
  "/home/core/.ssh/authorized_keys.d/coreos-cloudinit": ["600 core:core"],
  "/home/elroy": ["755 elroy:elroy"],
  "/home/elroy/.profile": ["644 elroy:elroy"],
  "/home/elroy/.ssh/authorized_keys": ["600 elroy:elroy"],
  "/srv/homely/.profile": ["644 homely:docker"],
};

/** passwd(5) without numbers; groups; the first field of shadow(5). */
const USERS: Readonly<Record<string, readonly [passwd: string, groups: string, shadow: string]>> = {
  elroy: [
    "Elroy Jetson:/home/elroy:/bin/bash",
    "elroy sudo docker",
    "$6$5s2u6/jR$un0AvWnqilcgaNB3Mkxd5yYv6mTlWfOoCYHZmfi3LDKVltj.E8XNKEcwWm0123456789",
  ],
  homely: [":/srv/homely:/bin/sh", "docker", "*"],
  spartan: [":/home/spartan:/usr/sbin/nologin", "users", "*"],
  machinery: [":/home/machinery:/bin/sh", "machinery", "*"],
  alice: [":/home/alice:/bin/bash", "alice", "$6$alice$changed"],
};

/** `LoadState ActiveState UnitFileState` of systemctl(1). */
const UNITS: Readonly<Record<string, string>> = {
  "etcd.service": "loaded active static",
  "etcd2.service": "loaded active static",
  "flanneld.service": "loaded active static",
  "fleet.service": "loaded active static",
  "update-engine.service": "loaded active static",
  "locksmithd.service": "masked inactive masked-runtime",
  "ours.service": "loaded active enabled",
  "until-reboot.service": "loaded active enabled-runtime",
  "each@one.service": "loaded active static",
  "not-running.service": "loaded inactive static",
  "runs.service": "loaded inactive static",
  "hidden.service": "masked inactive masked",
  "was-hidden.service": "loaded inactive static",
  "systemd-networkd.service": "loaded active disabled",
};

/** What of the units must be there before. */
export const UNITS_BEFORE = `
printf '[Service]\\nExecStart=/bin/sleep infinity\\n' > /etc/systemd/system/runs.service
printf '[Service]\\nExecStart=/bin/true\\n' > /etc/systemd/system/hidden.service
cp /etc/systemd/system/hidden.service /usr/lib/systemd/system/was-hidden.service
mkdir -p /run/systemd/system
ln -s /dev/null /run/systemd/system/was-hidden.service
systemctl daemon-reload
systemctl start runs.service`;

/** Fails unless the computer is all that the cloud-config says. */
export async function checkEverything(host: CloudHost): Promise<void> {
  assert.equal(await host.succeed("hostname; hostnamectl --static"), "every-01\nevery-01");
  await checkFiles(host);
  await checkUsers(host);
  await checkLogins(host);
  await checkUnits(host);
  for (const [section, daemon] of DAEMONS) await checkDaemon(host, section, daemon);
}

async function checkFiles(host: CloudHost): Promise<void> {
  const paths = Object.keys(FILES);
  const stats = await host.succeed(`stat --format='%a %U:%G' '${paths.join("' '")}'`);
  assert.deepEqual(
    Object.fromEntries(stats.split("\n").map((stat, i) => [paths[i], stat])),
    Object.fromEntries(Object.entries(FILES).map(([path, [stat]]) => [path, stat])),
  );
  for (const [path, [, content]] of Object.entries(FILES))
    if (content !== undefined) assert.equal(await host.read(path), content, path);
}

async function checkUsers(host: CloudHost): Promise<void> {
  for (const [name, [passwd, groups, shadow]] of Object.entries(USERS)) {
    const told = await host.succeed(
      `getent passwd ${name} | cut -d: -f5-; id -Gn ${name}; getent shadow ${name} | cut -d: -f2`,
    );
    assert.equal(told, [passwd, groups, shadow].join("\n"), name);
  }
  const homes = "ls -d /home/spartan /home/machinery; getent group spartan; id -u machinery";
  const { stdout } = await host.run(homes);
  assert.ok(Number(stdout) < 1000 && stdout.trim() !== "", `no homes, no group: ${stdout}`);
}

/** sshd lets in who has a key, as the user whose key it is. */
async function checkLogins(host: CloudHost): Promise<void> {
  const login = (key: string, user: string) =>
    host.run(
      `ssh -n -o BatchMode=yes -o StrictHostKeyChecking=no -i /root/${key} ${user}@127.0.0.1 id -un`,
    );
  for (const user of ["core", "elroy"]) assert.equal((await login(user, user)).stdout, `${user}\n`);
  assert.equal((await login("elroy", "core")).status, 255);
  assert.match(await host.read("/home/core/.ssh/authorized_keys"), /^ssh-ed25519 \S+ second$/m);
}

async function checkUnits(host: CloudHost): Promise<void> {
  const names = Object.keys(UNITS);
  const properties = "LoadState,ActiveState,UnitFileState";
  const shown = await host.succeed(`systemctl show -p ${properties} ${names.join(" ")}`);
  const states = shown.split("\n\n").map((unit) => {
    const value = (property: string) => new RegExp(`^${property}=(.*)$`, "m").exec(unit)?.[1];
    return properties.split(",").map(value).join(" ");
  });
  assert.deepEqual(Object.fromEntries(states.map((state, i) => [names[i], state])), UNITS);
  await host.until("ip -brief address show dev idle0 | grep -F 192.0.2.77/32"); // networkd takes its time
}

/** A section of `coreos`, and the daemon whose environment it is. */
const DAEMONS = [
  ["etcd", "etcd"],
  ["etcd2", "etcd2"],
  ["fleet", "fleet"],
  ["flannel", "flanneld"],
] as const;

const PREFIXES = {
  etcd: "ETCD_",
  etcd2: "ETCD_",
  fleet: "FLEET_",
  flannel: "FLANNELD_",
  locksmith: "LOCKSMITHD_",
} as const;

/** Variables that are not called as their keys are. */
const NAMES: Readonly<Record<string, string>> = {
  ETCD_SNAPSHOT_COUNT: "ETCD_SNAPSHOTCOUNT", // of etcd 0.4
  FLANNELD_INTERFACE: "FLANNELD_IFACE",
  LOCKSMITHD_WINDOW_START: "REBOOT_WINDOW_START",
  LOCKSMITHD_WINDOW_LENGTH: "REBOOT_WINDOW_LENGTH",
};

/** Fails unless the running daemon was told each of its settings. */
export async function checkDaemon(
  host: CloudHost,
  section: keyof typeof PREFIXES,
  daemon: string,
): Promise<void> {
  const { coreos } = parse(EVERYTHING, { schema: "failsafe" }) as {
    coreos: Record<string, Record<string, string>>;
  };
  const wanted = Object.entries(coreos[section] ?? {}).map(([key, value]) => {
    const name = `${PREFIXES[section]}${key.replaceAll("-", "_").toUpperCase()}`;
    const address = value
      .replace("$private_ipv4", PRIVATE_IPV4)
      .replace("$public_ipv4", PUBLIC_IPV4);
    const isRenamed = name in NAMES && section !== "etcd2";
    // %% is systemd's way to write a percent sign, in units.
    const text = section === "flannel" ? address : address.replaceAll("%%", "%");
    return [isRenamed ? NAMES[name] : name, text] as const;
  });
  assert.ok(wanted.length > 5, section);
  const told = await host.told(daemon);
  const relevant = wanted.map(([name]) => [name, told[name ?? ""]]);
  assert.deepEqual(Object.fromEntries(relevant), Object.fromEntries(wanted), daemon);
}
