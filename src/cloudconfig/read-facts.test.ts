import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import type { MachineFacts } from "./core/machine-facts.ts";
import { lookUpNames } from "./look-up-names.ts";
import { readMachineFacts } from "./read-facts.ts";

async function makeRoot(t: TestContext, files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(root, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

/** All but what the running system says. */
async function factsOfRoot(...args: Parameters<typeof readMachineFacts>) {
  const { system: _, ...facts } = await readMachineFacts(...args);
  return facts;
}

test("readMachineFacts() reads what the root has, the environment winning", async (t) => {
  const environment = "COREOS_PRIVATE_IPV4=10.0.0.1\nCOREOS_PUBLIC_IPV4=10.0.0.2\n";
  const root = await makeRoot(t, {
    "etc/environment": environment,
    "etc/hostname": "# its name\ncore-01\nmore\n",
    "etc/keelson/metadata": "# note\nrole=worker\ndisk=ssd\n",
    "usr/share/coreos/update.conf": "GROUP=stable\n",
  });
  assert.deepEqual(await factsOfRoot(root, { COREOS_PUBLIC_IPV4: "192.0.2.1" }), {
    privateIpv4: "10.0.0.1",
    publicIpv4: "192.0.2.1",
    currentHostname: "core-01",
    environmentFile: environment,
    updateConf: "GROUP=stable\n",
    metadata: { role: "worker", disk: "ssd" },
  });
});

test("readMachineFacts() lets a source's addresses and name win", async (t) => {
  const root = await makeRoot(t, { "etc/environment": "COREOS_PRIVATE_IPV6=2001:db8::9\n" });
  const source = { publicIpv4: "198.51.100.7", hostname: "given", sshPublicKeys: {} };
  const facts = await factsOfRoot(root, { COREOS_PUBLIC_IPV4: "192.0.2.1" }, source);
  assert.equal(facts.publicIpv4, "198.51.100.7");
  assert.equal(facts.privateIpv6, "2001:db8::9");
  assert.equal(facts.hostname, "given");
});

test("readMachineFacts() follows the root's links as the machine does, never to this computer's files", async (t) => {
  const computer = await makeRoot(t, { hostname: "computer\n", environment: "SECRET=1\n" });
  const root = await makeRoot(t, { "etc/name": "core-01\n" });
  await symlink("/etc/name", join(root, "etc/hostname"));
  await symlink(join(computer, "environment"), join(root, "etc/environment"));
  assert.deepEqual(await factsOfRoot(root, {}), { currentHostname: "core-01", metadata: {} });
});

test("readMachineFacts() takes a root that has nothing", async (t) => {
  assert.deepEqual(await factsOfRoot(await makeRoot(t, {}), {}), { metadata: {} });
});

test("readMachineFacts() refuses metadata that fleet could not take", async (t) => {
  for (const line of ["role", "a=b,c=d", "=x"]) {
    const root = await makeRoot(t, { "etc/keelson/metadata": `ok=1\n${line}\n` });
    await assert.rejects(readMachineFacts(root, {}), { code: "CONFIG_INVALID", message: /line 2/ });
  }
});

interface IpAddress {
  readonly ifname: string;
  readonly address?: string;
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}
interface IpRoute {
  readonly dst: string;
  readonly dev: string;
  readonly gateway?: string;
  readonly metric?: number;
}

function ip<T>(...args: string[]): readonly T[] {
  return JSON.parse(execFileSync("ip", ["-j", ...args], { encoding: "utf8" })) as readonly T[];
}

test("readMachineFacts() tells of the system what ip(8), uname(1) and os-release say", async (t) => {
  const id = "0123456789abcdef0123456789abcdef";
  const root = await makeRoot(t, {
    "etc/machine-id": `${id}\n`,
    "etc/os-release": 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
  });
  const { system } = await readMachineFacts(root, {});
  assert.ok(system);
  assert.equal(system.machineId, id);
  assert.deepEqual(system.os, { id: "debian", pretty_name: "Debian GNU/Linux 12 (bookworm)" });
  const uname = (flag: string) => execFileSync("uname", [flag], { encoding: "utf8" }).trim();
  assert.equal(system.architecture, uname("-m"));
  assert.equal(system.kernel, uname("-r"));

  // Others on this computer may add and remove interfaces meanwhile: what stands still has to agree.
  const told = new Map(system.interfaces.map((each) => [each.name, each]));
  const [loopback] = ip<IpAddress>("addr", "show", "dev", "lo");
  assert.equal(told.get("lo")?.mac, loopback?.address);
  for (const { local, prefixlen } of loopback?.addr_info ?? []) {
    const found = [...told.get("lo")!.ipv4, ...told.get("lo")!.ipv6];
    if (local === "127.0.0.1")
      assert.ok(found.some((a) => a.address === local && a.prefixLength === prefixlen));
  }
  const [route] = ip<IpRoute>("-4", "route", "show", "default").toSorted(
    (a, b) => (a.metric ?? 0) - (b.metric ?? 0),
  );
  if (route === undefined) return;
  assert.equal(system.defaultRoute?.interface, route.dev);
  assert.equal(system.defaultRoute?.gateway, route.gateway);
  const [own] = ip<IpAddress>("addr", "show", "dev", route.dev);
  const ofDefault = told.get(route.dev);
  assert.equal(ofDefault?.mac, own?.address);
  assert.deepEqual(
    ofDefault?.ipv4.map((a) => `${a.address}/${a.prefixLength}`),
    own?.addr_info.filter((a) => a.family === "inet").map((a) => `${a.local}/${a.prefixlen}`),
  );
});

const ASKING = '#cloud-config\n## template: keelson\nhostname: "{{ reverse(private_ipv4) }}"\n';

/** A machine with one address, and nothing else. */
function machineWith(privateIpv4: string): MachineFacts {
  const system = {
    architecture: "x86_64",
    kernel: "6",
    cpus: 1,
    memoryMib: 1,
    hardware: {},
    os: {},
    interfaces: [],
    reverseNames: {},
  };
  return { privateIpv4, metadata: {}, system };
}

/** What lookUpNames() finds where /etc/hosts says this, in a mount namespace of its own. */
async function namesWhere(t: TestContext, hosts: string, facts: MachineFacts, userData: string) {
  const root = await makeRoot(t, { hosts });
  const program = `
    import { lookUpNames } from ${JSON.stringify(join(import.meta.dirname, "look-up-names.ts"))};
    const [facts, userData] = JSON.parse(process.argv[1]);
    const { system } = await lookUpNames(facts, userData, new AbortController().signal);
    console.log(JSON.stringify(system.reverseNames));`;
  const mountThenRun = 'mount --bind "$0" /etc/hosts && exec "$@"';
  const node = [process.execPath, "--input-type=module", "-e", program, "--"];
  const argv = [join(root, "hosts"), ...node, JSON.stringify([facts, userData])];
  const namespace = process.geteuid?.() === 0 ? ["--mount"] : ["--map-root-user", "--mount"];
  const shell = [...namespace, "sh", "-c", mountThenRun, ...argv];
  const { stdout } = await promisify(execFile)("unshare", shell, { cwd: import.meta.dirname });
  return JSON.parse(stdout) as unknown;
}

test("lookUpNames() finds the names of /etc/hosts, and only for a template that asks", async (t) => {
  const hosts = "127.0.0.1 localhost\n127.0.9.7 core-07.example.com core-07\n";
  const facts = machineWith("127.0.9.7");
  assert.deepEqual(await namesWhere(t, hosts, facts, ASKING), {
    "127.0.9.7": "core-07.example.com",
  });
  for (const text of [ASKING.replace("template", "note"), ASKING.replace("reverse", "revers")])
    assert.deepEqual(await namesWhere(t, hosts, facts, text), {});
});

test("lookUpNames() takes no name that is none", async (t) => {
  assert.deepEqual(await namesWhere(t, "127.0.9.7 a$(b)\n", machineWith("127.0.9.7"), ASKING), {});
});

test("lookUpNames() ends when it is told to", async () => {
  const reason = new Error("stop");
  const facts = machineWith("127.0.9.7");
  await assert.rejects(lookUpNames(facts, ASKING, AbortSignal.abort(reason)), reason);
});
