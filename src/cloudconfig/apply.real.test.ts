import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { bootSystemdHost, type SystemdHost } from "#test/support/nspawn.ts";
import { type Action, describeAction } from "./core/action.ts";
import { type PlanOptions, planCloudConfig } from "./core/plan.ts";
import { planScript } from "./core/plan-script.ts";
import type { CloudConfig } from "./core/schema.ts";
import type { Outcome } from "./outcome.ts";

const skip =
  process.getuid?.() !== 0 || !existsSync("/usr/bin/systemd-nspawn")
    ? "needs root and systemd-nspawn"
    : false;

const ED25519 =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPk9WPDx3bGVeFVbIYD6r0gnBcFwYuTnv5AkN7aOL8f one@example";
const OTHER = ED25519.replace("one@", "other@");
const IMPORTED = ED25519.replace("one@", "imported@");
const HASH = "$6$rounds=5000$saltsalt$0123456789abcdef";

/** Applies the actions it reads, on the host that it runs on; a server there has keys to import. */
const DRIVER = `
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { applyPlan } from "/opt/keelson/src/cloudconfig/apply.ts";
import { openSystemd } from "/opt/keelson/src/systemd/open-systemd.ts";
const server = createServer((request, response) => {
  if (request.url !== "/users/octo/keys" && request.url !== "/mine") response.statusCode = 404;
  response.end(JSON.stringify([{ id: 1, key: ${JSON.stringify(IMPORTED)} }]));
});
await new Promise((listening) => server.listen(8000, "127.0.0.1", listening));
const { signal } = new AbortController();
const actions = JSON.parse(await text(process.stdin));
const steps = [];
try {
  await using systemd = await openSystemd({ socketPath: "/run/systemd/private" }, signal);
  await applyPlan(actions, { root: "/", systemd, signal, onStep: ({ result, note }) => steps.push({ result, note }) });
  console.log(JSON.stringify({ steps }));
} catch (error) {
  console.log(JSON.stringify({ steps, code: error.code, message: error.message }));
}
server.close();
server.closeAllConnections();
`;

interface Applied {
  readonly steps: readonly Outcome[];
  readonly code?: string;
  readonly message?: string;
}

class Host {
  readonly #host: SystemdHost;

  constructor(host: SystemdHost) {
    this.#host = host;
  }

  /** The standard output of a script that must succeed, run by the host's root. */
  async run(script: string): Promise<string> {
    const { status, stdout, stderr } = await this.#host.run("root", script);
    assert.equal(status, 0, `${script}\n${stdout}${stderr}`);
    return stdout;
  }

  async apply(actions: readonly Action[]): Promise<Applied> {
    const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
    const output = await this.run(`
      printf %s ${quoted(DRIVER)} > /tmp/driver.mts
      printf %s ${quoted(JSON.stringify(actions))} > /tmp/actions
      /opt/keelson/node_modules/node/bin/node /tmp/driver.mts < /tmp/actions`);
    return JSON.parse(output) as Applied;
  }

  /** What became of each step of a plan that succeeds. */
  async applyAll(actions: readonly Action[]): Promise<readonly string[]> {
    const { steps, message } = await this.apply(actions);
    assert.equal(message, undefined);
    return steps.map(({ result }, i) => `${describeAction(actions[i]!)}: ${result}`);
  }
}

function plan(config: CloudConfig, options: PlanOptions = {}): readonly Action[] {
  return planCloudConfig(config, { metadata: {} }, options).actions;
}

test("a host that systemd booted gets users, keys, units and scripts", { skip }, async (t) => {
  await using booted = await bootSystemdHost("unified");
  const host = new Host(booted);
  await t.test("users with all their fields, then only passwords and keys", () => users(host));
  await t.test("keys are parts, and what was there before stays", () => keys(host));
  await t.test("keys are imported, and a server that has none ends the run", () => imports(host));
  await t.test("a user's links lead nowhere", () => links(host));
  await t.test("units are enabled once", () => enables(host));
  await t.test("scripts run as units of their own", () => scripts(host));
  await t.test("the network's files, modules and manager", () => network(host));
  await t.test("the hostname, now and for good", () => hostname(host));
});

async function users(host: Host): Promise<void> {
  const config = {
    users: [
      {
        name: "elroy",
        passwd: HASH,
        gecos: "Elroy J, of Orbit City",
        homedir: "/srv/elroy",
        primary_group: "staff",
        groups: ["sudo", "adm"],
        shell: "/bin/sh",
        no_log_init: true,
      },
      { name: "daemon-of-mine", system: true, no_create_home: true, shell: "/usr/sbin/nologin" },
      { name: "lone", no_user_group: true },
      { name: "bob", gecos: "not looked at", passwd: "*" },
    ],
  };
  assert.deepEqual(await host.applyAll(plan(config)), [
    "create user elroy (Elroy J, of Orbit City, home /srv/elroy, shell /bin/sh, primary group staff, groups sudo adm, no login records): done",
    "set the password of elroy: done",
    "create user daemon-of-mine (shell /usr/sbin/nologin, no home made, system user): done",
    "create user lone (no group of its own): done",
    "create user bob (not looked at): unchanged",
    "set the password of bob: done",
  ]);
  const lines = await host.run(`
    getent passwd elroy | cut -d: -f5-
    id -gn elroy; id -Gn elroy
    getent shadow elroy daemon-of-mine bob | cut -d: -f1,2
    stat -c '%U %G %F' /srv/elroy /srv/elroy/.profile
    test "$(id -u daemon-of-mine)" -lt 1000 && echo system
    test ! -e /home/daemon-of-mine && echo homeless
    getent passwd daemon-of-mine | cut -d: -f7; id -gn daemon-of-mine; id -gn lone
    getent passwd bob | cut -d: -f5`);
  assert.deepEqual(lines.split("\n"), [
    "Elroy J, of Orbit City:/srv/elroy:/bin/sh",
    "staff",
    "staff adm sudo",
    `elroy:${HASH}`,
    "daemon-of-mine:*",
    "bob:*",
    "elroy staff directory",
    "elroy staff regular file",
    "system",
    "homeless",
    "/usr/sbin/nologin",
    "daemon-of-mine",
    "users",
    "",
    "",
  ]);
  const again = await host.applyAll(plan(config));
  assert.deepEqual(
    again.filter((line) => !line.endsWith(": unchanged")),
    [],
  );
  const refused = await host.apply(plan({ users: [{ name: "x", groups: ["no-such"] }] }));
  assert.equal(refused.code, "MACHINE_REFUSED");
  assert.match(refused.message ?? "", /create user x.*group 'no-such' does not exist/);
}

async function keys(host: Host): Promise<void> {
  const config = { ssh_authorized_keys: [ED25519, ` ${OTHER}\n`] };
  const refused = await host.apply(plan(config));
  assert.equal(refused.code, "MACHINE_REFUSED");
  assert.match(refused.message ?? "", /no such user; name it under `users`/);

  const withUser = { users: [{ name: "core", ssh_authorized_keys: [OTHER] }] };
  await host.applyAll(plan(withUser));
  await host.applyAll(plan(config, { sshKeyName: "second" }));
  const authorized = "tail -n +2 ~core/.ssh/authorized_keys; cd ~core/.ssh; ls authorized_keys.d";
  const shown = () => host.run(authorized).then((text) => text.trimEnd().split("\n"));
  assert.deepEqual(await shown(), [OTHER, ED25519, OTHER, "coreos-cloudinit", "second"]);
  const modes = await host.run("stat -c '%n %a %U:%G' ~core/.ssh ~core/.ssh/* ~core/.ssh/*/*");
  assert.deepEqual(modes.trimEnd().split("\n"), [
    "/home/core/.ssh 700 core:core",
    "/home/core/.ssh/authorized_keys 600 core:core",
    "/home/core/.ssh/authorized_keys.d 700 core:core",
    "/home/core/.ssh/authorized_keys.d/coreos-cloudinit 600 core:core",
    "/home/core/.ssh/authorized_keys.d/second 600 core:core",
  ]);
  assert.match((await host.applyAll(plan(config, { sshKeyName: "second" })))[0] ?? "", /unchanged/);
  // The part takes the place of what it had, and the user's own keys become one.
  await host.applyAll(plan({ ssh_authorized_keys: [ED25519] }, { sshKeyName: "second" }));
  assert.deepEqual(await shown(), [OTHER, ED25519, "coreos-cloudinit", "second"]);
  // A part that was emptied is switched off.
  await host.run(": > ~core/.ssh/authorized_keys.d/second");
  await host.applyAll(plan({ ssh_authorized_keys: [ED25519] }, { sshKeyName: "second" }));
  assert.deepEqual(await shown(), [OTHER, "coreos-cloudinit", "second"]);
  await host.run(`install -d -o bob -g bob -m 700 ~bob/.ssh
    echo "my own key" > ~bob/.ssh/authorized_keys; chown bob: ~bob/.ssh/authorized_keys`);
  await host.applyAll(plan({ users: [{ name: "bob", ssh_authorized_keys: [ED25519] }] }));
  const bobs = await host.run("tail -n +2 ~bob/.ssh/authorized_keys");
  assert.equal(bobs, `${ED25519}\nmy own key\n`);
}

async function imports(host: Host): Promise<void> {
  const user = {
    name: "core",
    coreos_ssh_import_github: "octo",
    coreos_ssh_import_url: "http://127.0.0.1:8000/mine",
  };
  const github = { githubUrl: "http://127.0.0.1:8000" };
  const twice = [plan({ users: [user] }, github), plan({ users: [user] }, github)];
  assert.equal((await host.applyAll(twice[0]!)).filter((line) => line.endsWith("done")).length, 2);
  assert.equal((await host.applyAll(twice[1]!)).filter((line) => line.endsWith("done")).length, 0);
  const parts = await host.run(
    "cd ~core/.ssh/authorized_keys.d; cat github-octo coreos-cloudinit-core",
  );
  assert.equal(parts, `${IMPORTED}\n${IMPORTED}\n`);
  const strange = { ...user, coreos_ssh_import_github: "nobody" };
  const refused = await host.apply(
    plan({ users: [strange], manage_etc_hosts: "localhost" }, github),
  );
  assert.equal(refused.code, "SOURCE_FAILED");
  assert.match(refused.message ?? "", /users\/nobody\/keys: the server answers 404/);
  assert.equal(refused.steps.at(-1)?.result, "failed");
}

async function links(host: Host): Promise<void> {
  await host.run("rm -rf ~bob/.ssh; ln -s /root ~bob/.ssh; chown -h bob: ~bob/.ssh");
  const config = { users: [{ name: "bob", ssh_authorized_keys: [ED25519] }] };
  const refused = await host.apply(plan(config));
  assert.equal(refused.code, "FILE_UNWRITABLE");
  assert.match(refused.message ?? "", /\/home\/bob\/\.ssh: it is a link or a file/);
  await host.run("test ! -e /root/authorized_keys.d");
  await host.run(`rm ~bob/.ssh; install -d -o bob -g bob -m 700 ~bob/.ssh
    ln -s /etc/shadow ~bob/.ssh/authorized_keys`);
  await host.applyAll(plan(config));
  assert.equal(await host.run("tail -n +2 ~bob/.ssh/authorized_keys"), `${ED25519}\n`);
  assert.equal(
    await host.run("stat -c '%U %F' ~bob/.ssh/authorized_keys /etc/shadow"),
    "bob regular file\nroot regular file\n",
  );
}

async function enables(host: Host): Promise<void> {
  const content =
    "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n";
  const config = {
    coreos: {
      units: [
        { name: "mine.service", content, enable: true, command: "start" },
        { name: "plain.service", content: "[Service]\nExecStart=/bin/true\n", enable: true },
        { name: "passing.service", content, enable: true, runtime: true },
      ],
    },
  } as const;
  const enabled = (lines: readonly string[]) => lines.filter((line) => line.startsWith("enable"));
  assert.deepEqual(enabled(await host.applyAll(plan(config))), [
    "enable mine.service: done",
    "enable plain.service: unchanged",
    "enable passing.service until reboot: done",
  ]);
  const states =
    "systemctl is-enabled mine.service passing.service; systemctl is-active mine.service";
  assert.equal(await host.run(states), "enabled\nenabled-runtime\nactive\n");
  assert.deepEqual(
    (await host.applyAll(plan(config))).filter((line) => !line.endsWith("unchanged")),
    ["reload systemd's unit files: done"],
  );
}

async function scripts(host: Host): Promise<void> {
  const script = `#!/bin/sh
[[ $0 == /var/lib/coreos-cloudinit/scripts/* ]] && echo "by $(ps -o comm= $$)" > /tmp/told
sleep 600
`;
  const applied = await host.apply([planScript(script)]);
  assert.equal(applied.message, undefined);
  const unit = (await host.run("cat /var/lib/coreos-cloudinit/scripts/unit-name")).trim();
  assert.match(unit, /^coreos-cloudinit-\d{9}\.service$/);
  assert.equal(applied.steps[0]?.note, `as ${unit}`);
  const number = /\d+/.exec(unit)?.[0];
  assert.equal(await host.run(`stat -c %a /var/lib/coreos-cloudinit/scripts/${number}`), "744\n");
  await host.run("for i in $(seq 300); do test -s /tmp/told && exit; sleep 0.1; done; exit 1");
  assert.equal(await host.run("cat /tmp/told"), "by bash\n"); // as the original's machines, whose sh it was
  assert.equal(await host.run(`systemctl is-active ${unit}`), "active\n");
  await host.run(`systemctl stop ${unit}`);
  // Another interpreter reads the script itself; its path is taken as it is.
  const own = { ...planScript("#!/bin/cat\nit is read\n"), workspace: "/var/lib/with $HOME %n" };
  const [step] = (await host.apply([own])).steps;
  const printed = `journalctl -u ${step?.note?.slice(3)} -o cat`;
  await host.run(`for i in $(seq 300); do ${printed} | grep -qx 'it is read' && exit; sleep 0.1; done
    ${printed}; exit 1`);
  const refused = await host.apply([planScript("#!/usr/bin/no-such\n")]);
  assert.equal(refused.code, "CLOUD_CONFIG_INVALID");
}

async function network(host: Host): Promise<void> {
  // The host shares this computer's kernel: what would be loaded is written down instead.
  await host.run(`cd /usr/local/sbin; printf '#!/bin/sh\necho "$@" > /tmp/modprobe' > modprobe
    chmod +x modprobe; systemctl stop systemd-networkd.service systemd-networkd.socket`);
  const settings = {
    files: [{ name: "00-none0.network", content: "[Match]\nName=none0\n" }],
    modules: [{ name: "keelson-none", options: "mode=4 miimon=100" }],
    interfaces: ["none0"],
  };
  const told = (result: string) => [
    `write /run/systemd/network/00-none0.network (0644): ${result}`,
    "reload systemd's unit files: done",
    "take interface none0 down: unchanged",
    "load kernel module keelson-none mode=4 miimon=100: done",
    "restart systemd-networkd.service: done",
  ];
  assert.deepEqual(await host.applyAll(plan({}, { network: settings })), told("done"));
  assert.equal(await host.run("cat /tmp/modprobe"), "-- keelson-none mode=4 miimon=100\n");
  assert.equal(await host.run("systemctl is-active systemd-networkd.service"), "active\n");
  assert.deepEqual(await host.applyAll(plan({}, { network: settings })), told("unchanged"));
}

async function hostname(host: Host): Promise<void> {
  assert.deepEqual(await host.applyAll(plan({ hostname: "orbit" })), ["set hostname orbit: done"]);
  assert.equal(await host.run("hostname; cat /etc/hostname"), "orbit\norbit\n");
  assert.match((await host.applyAll(plan({ hostname: "orbit" })))[0] ?? "", /unchanged/);
}
