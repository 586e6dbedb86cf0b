// Machines as containers: their life, and what goes wrong around it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { systemClock } from "#base/clock.ts";
import { openInternet } from "#machines/container-internet.ts";
import { ContainerProvider } from "#machines/container-provider.ts";
import { checkContainerTools, ip } from "#machines/container-tools.ts";
import { type ContainerCluster, openContainerCluster } from "#test/support/container-cluster.ts";
import { PROGRAM } from "#test/support/keelson.ts";

const execute = promisify(execFile);

const NEVER = new AbortController().signal;
const LIMIT_MS = 60_000;

const STOPPED_IN_ORDER = `#cloud-config
coreos:
  units:
    - name: witness.service
      command: start
      content: |
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/bin/true
        ExecStop=/bin/sh -c 'echo in order >> /var/stopped'
write_files:
  - path: /var/lib/boots
    content: one
`;

/** A key pair as a person has one. */
async function personsKey(cluster: ContainerCluster): Promise<{ file: string; line: string }> {
  const file = join(dirname(cluster.state.path), "person");
  await execute("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file]);
  return { file, line: (await readFile(`${file}.pub`, "utf8")).trim() };
}

/** A link to a bridge that no machine has. */
async function openLink(name: string, bridge: string): Promise<AsyncDisposable> {
  await ip("link", "add", name, "type", "veth", "peer", "name", `${name}p`);
  await ip("link", "set", name, "master", bridge);
  return { [Symbol.asyncDispose]: async () => void (await ip("link", "del", name)) };
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + LIMIT_MS; !(await holds()); await sleep(100))
    assert.ok(Date.now() < endMs, `not within ${LIMIT_MS} ms: ${what}`);
}

test("a container lives through halts and power cuts, and nothing of it stays", async () => {
  await using cluster = await openContainerCluster({ count: 2, userData: () => STOPPED_IN_ORDER });
  const { provider } = cluster;
  await cluster.boot();
  const [machine] = cluster.machines;
  const who = "cat /proc/1/comm /etc/machine-id; hostname; id -un; hostname -I; sudo id -un";
  const { stdout } = await cluster.ssh("core-01", who);
  const address = machine?.address;
  assert.equal(stdout, `systemd\n${machine?.id}\ncore-01\ncore\n${address} \nroot\n`);
  const hostKey = await readFile((await provider.sshAccess(machine!)).knownHostsFile, "utf8");
  assert.equal(await cluster.succeed("core-01", "systemctl is-system-running --wait"), "running\n");

  await provider.halt("core-01", { leave: true }, NEVER);
  assert.equal(await provider.isRunning("core-01"), false);
  assert.equal(await provider.isRunning("core-02"), true);
  await assert.rejects(provider.commandIn("core-01", ["true"]), {
    code: "MACHINE_NOT_FOUND",
    message: /halted/,
  });
  assert.match(await readFile(provider.logs("core-01").console, "utf8"), /Reached target/);
  await cluster.boot("core-01");
  assert.equal(await cluster.succeed("core-01", "cat /var/stopped"), "in order\n");
  assert.equal(
    await readFile((await provider.sshAccess(machine!)).knownHostsFile, "utf8"),
    hostKey,
  );

  const connect = `exec 3<>/dev/tcp/${address}/22; read -ru3 banner; touch /run/connected`;
  const ending = cluster.run("core-02", `${connect}; read -rt5 -u3 rest; echo $?`);
  await until("it is connected", async () => {
    return (await cluster.run("core-02", "test -e /run/connected")).status === 0;
  });
  await provider.cutPower("core-01", NEVER);
  const SILENCE = /^1[2-9]\d$/m; // read(1) of bash: more than 128 when the time is over, 1 at the end of what is sent
  assert.match((await ending).stdout, SILENCE, "a machine without power does not say that it goes");
  await cluster.boot("core-01");
  assert.equal(await cluster.succeed("core-01", "cat /var/stopped"), "in order\n");
  assert.equal((await cluster.ssh("core-01", "true")).status, 0);
  const journal = ["--directory", provider.logs("core-01").journal, "--unit=witness", "-ocat"];
  const { stdout: told } = await execute("journalctl", journal);
  assert.equal(told.match(/^Finished witness/gm)?.length, 3, told);

  for (const { name } of cluster.machines) {
    await provider.cutPower(name, NEVER);
    await provider.remove(name);
  }
  assert.deepEqual(await cluster.traces(), []);
  assert.deepEqual(await cluster.state.machineNames(), []);
});

test("a cloud-config's key, users and files are the machine's own", async () => {
  let line = "";
  await using cluster = await openContainerCluster({ count: 1 });
  const person = await personsKey(cluster);
  line = person.line;
  await cluster.provider.writeUserData(
    "core-01",
    `#cloud-config\nssh_authorized_keys:\n  - ${line}\nusers:\n  - name: alice\n    groups: [sudo, docker]\n    ssh_authorized_keys:\n      - ${line}\n`,
  );
  await cluster.boot();
  const mine = { identityFile: person.file };
  assert.equal((await cluster.ssh("core-01", "whoami", mine)).stdout, "core\n");
  const alice = await cluster.ssh("core-01", "whoami; id -Gn; echo $0", { ...mine, user: "alice" });
  assert.equal(alice.stdout, "alice\nalice sudo docker\nbash\n", alice.stderr);
  assert.equal((await cluster.ssh("core-01", "whoami")).stdout, "core\n", "the cluster's key");
  const passwords = await readFile("/etc/passwd", "utf8");
  assert.doesNotMatch(passwords, /^(alice|core):/m, "this computer has none of them");

  await cluster.provider.writeUserData(
    "core-01",
    "#cloud-config\nwrite_files:\n  - path: /etc/second\n    content: boot\n",
  );
  const kept = await cluster.succeed("core-01", "cat /var/lib/coreos-install/user_data");
  assert.match(kept, /second/);
  await cluster.provider.halt("core-01", { leave: false }, NEVER);
  await cluster.boot();
  assert.equal(await cluster.succeed("core-01", "cat /etc/second"), "boot");
});

test("two clusters are apart, and a link between two machines can be cut", async () => {
  await using one = await openContainerCluster({ count: 3 });
  await using two = await openContainerCluster({ count: 1 });
  await Promise.all([one.boot(), two.boot()]);
  const [first, second, third] = one.machines;
  const answers = async (from: string, to: string | undefined) =>
    (await one.run(from, `ping -q -c1 -W1 ${to}`)).status === 0;
  assert.notEqual(first!.address, two.machines[0]!.address);
  assert.equal(await answers("core-01", second!.address), true);
  assert.equal((await two.ssh("core-01", "hostname")).stdout, "core-01\n");

  await one.provider.partition(first!, second!);
  assert.equal(await answers("core-01", second!.address), false);
  assert.equal(await answers("core-02", first!.address), false);
  assert.equal(await answers("core-03", first!.address), true);
  assert.equal(await answers("core-02", third!.address), true);
  assert.equal((await one.ssh("core-01", "true")).status, 0, "this computer reaches both");
  await one.provider.partition(first!, third!);
  await one.provider.heal([first!, second!]);
  assert.equal(await answers("core-01", second!.address), true);
  assert.equal(await answers("core-01", third!.address), false, "that link was not asked for");

  await one.provider.cutPower("core-01", NEVER);
  await one.boot("core-01");
  assert.equal(await answers("core-03", first!.address), true, "a boot heals");
  await assert.rejects(two.provider.partition(two.machines[0]!, { ...first!, name: "core-09" }), {
    code: "MACHINE_NOT_FOUND",
  });
});

test("machines and this computer reach each other's services", async () => {
  await using cluster = await openContainerCluster({ count: 1 });
  await cluster.boot();
  const { address } = cluster.machines[0]!;
  const gateway = `${address.slice(0, address.lastIndexOf("."))}.254`;
  const { createServer } = await import("node:http");
  const server = createServer((_, response) => void response.end("this computer"));
  await new Promise<void>((resolve) => server.listen(0, gateway, resolve));
  try {
    const { port } = server.address() as { port: number };
    const got = await cluster.succeed("core-01", `curl -sS http://${gateway}:${port}/`);
    assert.equal(got, "this computer");
  } finally {
    server.close();
  }
  const serve = "systemd-run --quiet --service-type=exec /bin/sh -c";
  await cluster.succeed("core-01", `mkdir /srv/www; echo machine > /srv/www/index.html`);
  await cluster.succeed(
    "core-01",
    `${serve} 'exec keelson discovery --listen http://${address}:8087'`,
  );
  await until("it answers", async () => {
    const answer = await fetch(`http://${address}:8087/health`).catch(() => undefined);
    return answer !== undefined;
  });
});

test("what a reboot of this computer leaves is no machine, and the next boot makes all again", async () => {
  await using cluster = await openContainerCluster({ count: 2 });
  await cluster.boot();
  await cluster.succeed("core-01", "echo kept > /var/kept; sync");
  const record = join(cluster.state.root("core-01"), "process");
  const before = await readFile(record, "utf8");
  const tag = createHash("sha256").update(cluster.state.path).digest("hex").slice(0, 8);
  await using _lagging = await openLink(`klt${tag}`, `kl-${tag}`);
  for (const { name } of cluster.machines) await cluster.provider.cutPower(name, NEVER);
  assert.deepEqual(
    (await cluster.traces()).filter((trace) => trace.startsWith("kl-")),
    [],
  );
  const self = {
    pid: process.pid,
    startTicks: "1",
    bootId: "00000000-0000-0000-0000-000000000000",
  };
  for (const noted of [JSON.stringify(self), before, "{"]) {
    await writeFile(record, noted);
    assert.equal(await cluster.provider.isRunning("core-01"), false);
  }
  await ip("link", "add", `vb-${tag}-01`, "type", "bridge"); // the kernel has not taken it away yet
  await cluster.boot();
  assert.equal(await cluster.succeed("core-01", "cat /var/kept"), "kept\n");
  assert.equal(
    (await cluster.run("core-02", `ping -q -c1 -W1 ${cluster.machines[0]!.address}`)).status,
    0,
  );
});

test("a boot that is interrupted leaves nothing, whenever that is", async () => {
  await using cluster = await openContainerCluster({ count: 1 });
  const [machine] = cluster.machines;
  for (const afterMs of [0, 5, 50, 150, 300]) {
    const booting = cluster.provider.boot(machine!, AbortSignal.timeout(afterMs));
    await booting.then(
      () => cluster.provider.cutPower("core-01", NEVER), // it was faster
      (error: Error) => assert.match(error.name, /Abort|Timeout/, error.stack),
    );
    assert.equal(await cluster.provider.isRunning("core-01"), false);
    const traces = (await cluster.traces()).filter((trace) => !trace.includes(".slice"));
    assert.deepEqual(traces, []);
  }
  await cluster.boot();
});

/** Base trees as older recipes left them, and one whose making was cut off. What is left of them after the next making. */
async function leaveOldTrees(cache: string): Promise<readonly string[]> {
  const old = new Date(Date.now() - 40 * 24 * 60 * 60 * 1000);
  const trees = ["debian-00000000dead", "debian-00000000beef", "debian-00000000cafe"];
  const [unused = "", used = "", recent = ""] = trees;
  for (const tree of [unused, used, recent]) {
    await mkdir(join(cache, tree, "usr"), { recursive: true });
    await mkdir(join(cache, `${tree}.users`));
    if (tree !== recent) await utimes(join(cache, `${tree}.users`), old, old);
  }
  await symlink(cache, join(cache, `${used}.users`, "machine"));
  await symlink("/nowhere", join(cache, `${unused}.users`, "machine"));
  await utimes(join(cache, `${unused}.users`), old, old);
  await mkdir(join(cache, "building-cutoff"));
  return [used, `${used}.users`, recent, `${recent}.users`, "lock"];
}

test("a base tree that is interrupted or cannot be made leaves nothing", async () => {
  await using cluster = await openContainerCluster({ count: 1 });
  const cache = await mkdtemp("/tmp/keelson-cache-");
  const said: string[] = [];
  const provider = new ContainerProvider({
    state: cluster.state,
    program: PROGRAM,
    clock: systemClock,
    env: process.env,
    report: (what) => void said.push(what),
    cache,
  });
  const [machine] = cluster.machines;
  const withPackage = (name: string) => ({
    ...machine!,
    equipment: { folders: [], packages: [name] },
  });
  const remaining = await leaveOldTrees(cache);
  try {
    const ending = AbortSignal.timeout(5_000);
    await assert.rejects(provider.boot(machine!, ending), /aborted|timeout/i);
    assert.deepEqual((await readdir(cache)).toSorted(), remaining.toSorted());
    assert.match(said.join(), /base tree/);
    await assert.rejects(provider.boot(withPackage("No_Name"), NEVER), { code: "CONFIG_INVALID" });
    await assert.rejects(provider.boot(withPackage("keelson-has-none-such"), NEVER), {
      code: "CONFIG_INVALID",
      message: /Unable to locate package keelson-has-none-such/,
    });
    assert.deepEqual((await readdir(cache)).toSorted(), remaining.toSorted());
    assert.deepEqual(
      (await cluster.traces()).filter((trace) => !trace.includes(".slice")),
      [],
    );
  } finally {
    await rm(cache, { recursive: true });
  }
});

test("what cannot be is said before anything is made", async () => {
  await using cluster = await openContainerCluster({ count: 1 });
  const [machine] = cluster.machines;
  const network = machine!.address.slice(0, machine!.address.lastIndexOf("."));
  const dummy = `kl${process.pid}`;
  await ip("link", "add", dummy, "type", "bridge");
  try {
    await ip("addr", "add", `${network}.77/24`, "dev", dummy);
    const taken = { code: "ADDRESS_IN_USE" };
    await assert.rejects(cluster.provider.check(machine!), taken);
    await assert.rejects(cluster.provider.boot(machine!, NEVER), taken);
    assert.notEqual(await cluster.provider.defaultNetwork(), network);
  } finally {
    await ip("link", "del", dummy);
  }
  assert.throws(() => checkContainerTools("/nowhere"), {
    code: "SYSTEMD_MISSING",
    message: /systemd-nspawn, mmdebstrap, .*script\/setup containers.*systemd-container mmdebstrap/,
  });
  const nowhere = { bridge: dummy, path: "/nowhere", report: () => {} };
  await assert.rejects(openInternet(network, nowhere), { message: /install.* nftables/ });
  const poor = new ContainerProvider({
    state: cluster.state,
    program: PROGRAM,
    clock: systemClock,
    env: {},
    report: () => {},
  });
  assert.equal(existsSync("/usr/bin/systemd-nspawn"), true);
  await poor.defaultNetwork(); // a PATH without root's directories is no hindrance
});
