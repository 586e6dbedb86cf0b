import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "#base/clock.ts";
import type { Cluster } from "#machines/core/machine.ts";
import type { Project } from "#machines/core/project.ts";
import { parseProject } from "#machines/core/project-file.ts";
import { wishOfOptions } from "#machines/core-wish.ts";
import { FakeProvider } from "#machines/fake-provider.ts";
import { LocalCluster, type OtherCluster } from "#machines/local-cluster.ts";
import { wishOfProject } from "#machines/project-wish.ts";
import { StateDirectory } from "#machines/state-directory.ts";

const NEVER = new AbortController().signal;

interface Bench {
  readonly provider: FakeProvider;
  readonly cluster: LocalCluster;
  readonly state: StateDirectory;
  /** `NAME: WHAT`, as told to a person. */
  readonly told: string[];
  /** What status() says: `core-01 running`, with `*` when it is outdated. */
  readonly status: () => Promise<readonly string[]>;
  readonly up: (project: string, ...words: string[]) => Promise<unknown>;
}

async function bench(t: TestContext, others: readonly OtherCluster[] = []): Promise<Bench> {
  const parent = await mkdtemp("/tmp/keelson-cluster-");
  t.after(() => rm(parent, { recursive: true }));
  const state = new StateDirectory(join(parent, "state"));
  const provider = new FakeProvider();
  const told: string[] = [];
  const report = (machine: string, what: string) => void told.push(`${machine}: ${what}`);
  const cluster = new LocalCluster({
    state,
    provider,
    clock: systemClock,
    report,
    others: async () => others,
  });
  return {
    provider,
    cluster,
    state,
    told,
    status: async () =>
      (await cluster.status()).map(
        ({ machine, state: now, isOutdated }) => `${machine.name} ${now}${isOutdated ? "*" : ""}`,
      ),
    up: async (project, ...words) => cluster.up(words, await wishFor(project), NEVER),
  };
}

function projectOf(text: string): Project {
  const { project, problems } = parseProject(text, { directory: "/home/me/web", home: "/" });
  assert.deepEqual(problems, []);
  assert.ok(project);
  return project;
}

function wishFor(text: string) {
  return wishOfProject("/home/me/web/keelson.yaml", projectOf(text), ownUserData);
}

function ownUserData({ servers }: Cluster): string {
  return `#cloud-config\n# store on ${servers.join(",")}\n`;
}

function core(options: Partial<Parameters<typeof wishOfOptions>[0]>) {
  const nothing = { count: undefined, servers: undefined, userData: undefined, network: undefined };
  return wishOfOptions({ ...nothing, ownUserData, metadata: [], ...options });
}

const WEB = "groups: {web: 2}";

test("up makes what the project wants, and a second one finds it", async (t) => {
  const { provider, up, status, told } = await bench(t);
  await up(WEB);
  assert.deepEqual(await status(), ["web-01 running", "web-02 running"]);
  assert.match(provider.machines.get("web-02")?.userData ?? "", /store on web-01\n/);
  assert.ok(told.includes("web-01: booting (process, 127.0.1.1)"));
  provider.done.length = 0;
  await up(WEB);
  assert.deepEqual(provider.done, []);
  assert.ok(told.includes("web-01: is already running"));
});

test("up of some machines leaves the others not created; groups and patterns are taken", async (t) => {
  const { up, status } = await bench(t);
  const project = "groups: {web: 2, db: 2}";
  await up(project, "db", "web-?1");
  assert.deepEqual(await status(), [
    "web-01 running",
    "web-02 not created",
    "db-01 running",
    "db-02 running",
  ]);
  await assert.rejects(up(project, "dbb"), { code: "MACHINE_NOT_FOUND", message: /mean db$/ });
});

test("a project that grows, changes and shrinks is told of, and applied by reload and destroy", async (t) => {
  const { cluster, provider, up, status, told } = await bench(t);
  await up(WEB);
  await up("groups: {web: {count: 3, metadata: {a: b}}}");
  assert.deepEqual(await status(), ["web-01 running*", "web-02 running*", "web-03 running"]);
  assert.ok(
    told.includes(
      "web-01: is already running; `keelson reload web-01` boots it with the new settings",
    ),
  );
  await cluster.halt(["web-01"], false, NEVER);
  await up("groups: {web: {count: 3, metadata: {a: b}}}");
  assert.deepEqual(await status(), ["web-01 running", "web-02 running*", "web-03 running"]);
  assert.deepEqual(provider.machines.get("web-01")?.booted?.machine.metadata, { a: "b" });

  told.length = 0;
  await up(WEB, "web-02");
  assert.deepEqual(told.slice(0, 1), [
    "web-03: is not in /home/me/web/keelson.yaml any more; `keelson destroy web-03` removes it",
  ]);
  await cluster.destroySome(["web-03"], { force: false, wanted: ["web-01", "web-02"] }, NEVER);
  assert.deepEqual(await status(), ["web-01 running*", "web-02 running"]);
});

test("what machines of the process provider cannot have is told", async (t) => {
  const { up, told } = await bench(t);
  await up('groups: {web: {memory: 1G, folders: ["/srv:/srv"]}}');
  assert.match(told[0] ?? "", /^project: folders, memory: without effect.*`provider: container`/);
});

test("changed user-data waits for the next boot", async (t) => {
  const { provider, up, status } = await bench(t);
  const withText = (text: string) => `groups: {web: {user-data: "#cloud-config\\n# ${text}\\n"}}`;
  await up(withText("one"));
  await up(withText("two"));
  assert.deepEqual(await status(), ["web-01 running*"]);
  assert.match(provider.machines.get("web-01")?.userData ?? "", /two/);
  await up(withText("one"));
  assert.deepEqual(await status(), ["web-01 running"], "back to what it booted with");
});

test("a destroyed machine is another one when it is made again", async (t) => {
  const { cluster, provider, up, status } = await bench(t);
  await up(WEB);
  const [before] = await cluster.machines(["web-01"]);
  provider.done.length = 0;
  await cluster.destroySome(["web-01"], { force: false, wanted: undefined }, NEVER);
  assert.deepEqual(provider.done, ["halt web-01 leave", "cut web-01", "remove web-01"]);
  assert.deepEqual(await status(), ["web-01 not created", "web-02 running"]);
  await up(WEB);
  const [after] = await cluster.machines(["web-01"]);
  assert.equal(after?.address, before?.address);
  assert.notEqual(after?.id, before?.id);
});

test("destroy with force tells nobody, and the last machine has nobody to tell", async (t) => {
  const { cluster, provider, up } = await bench(t);
  await up(WEB);
  provider.done.length = 0;
  await cluster.destroySome(["web-01"], { force: true, wanted: undefined }, NEVER);
  await cluster.destroySome(["web-02"], { force: false, wanted: undefined }, NEVER);
  assert.deepEqual(provider.done, ["cut web-01", "remove web-01", "cut web-02", "remove web-02"]);
});

test("halting all moves no units about; halting some does", async (t) => {
  const { cluster, provider, up } = await bench(t);
  await up(WEB);
  provider.done.length = 0;
  await cluster.halt(["web-01"], false, NEVER);
  await cluster.halt([], false, NEVER);
  assert.deepEqual(provider.done, ["halt web-01 leave", "cut web-01", "halt web-02"]);
  await assert.rejects(cluster.halt(["wep"], false, NEVER), { message: /did you mean web/ });
});

test("user-data that cannot be applied is told with the journal, and tried again by the next up", async (t) => {
  const { provider, up, told } = await bench(t);
  provider.unusable = "#";
  await assert.rejects(up(WEB), {
    code: "CLOUD_CONFIG_INVALID",
    message:
      /Cannot configure web-01 .*\n  coreos-cloudinit: Cannot apply that\n.*keelson ssh web-01/,
  });
  provider.done.length = 0;
  await assert.rejects(up(WEB), { code: "CLOUD_CONFIG_INVALID" });
  assert.deepEqual(provider.done.toSorted(), ["configure web-01", "configure web-02"]);
  assert.ok(told.includes("web-01: applying its user-data again"));
  provider.unusable = undefined;
  await up(WEB);
});

const STAGES = ["write web-01", "boot web-01", "boot web-02", "ask web-01"];
for (const stage of STAGES)
  test(`an up that is interrupted at "${stage}" is made good by the next, and destroy leaves nothing`, async (t) => {
    const { cluster, provider, state, up, status } = await bench(t);
    const controller = new AbortController();
    provider.before = async (step, signal) => {
      if (step !== stage) return;
      controller.abort();
      signal.throwIfAborted();
    };
    await assert.rejects(cluster.up([], await wishFor(WEB), controller.signal), {
      name: "AbortError",
    });
    provider.before = async () => {};
    await up(WEB);
    assert.deepEqual(await status(), ["web-01 running", "web-02 running"]);
    await cluster.destroy();
    assert.equal(provider.machines.size, 0);
    await assert.rejects(readdir(state.path), { code: "ENOENT" });
  });

test("a machine whose systemd hangs up on some who ask is asked again", async (t) => {
  const { provider, up, status } = await bench(t);
  provider.hangUps = 3;
  await up(WEB);
  provider.hangUps = 3;
  await up(WEB);
  assert.equal(provider.hangUps, 0);
  assert.deepEqual(await status(), ["web-01 running", "web-02 running"]);
});

test("a machine that is still shutting down is waited for, not told again", async (t) => {
  const { cluster, provider, up, status, told } = await bench(t);
  await up(WEB);
  provider.done.length = 0;
  provider.stopping.set("web-01", 3);
  await up(WEB);
  assert.ok(told.includes("web-01: is still shutting down"));
  assert.deepEqual(provider.done, ["cut web-01", "boot web-01"]);
  provider.stopping.set("web-02", 3);
  await cluster.halt([], false, NEVER);
  assert.deepEqual(provider.done.slice(2).toSorted(), ["cut web-02", "halt web-01"]);
  assert.deepEqual(await status(), ["web-01 halted", "web-02 halted"]);
});

for (const stage of ["cut web-01", "remove web-01", "cut web-02", "halt web-01 leave"])
  test(`a destroy that breaks off at "${stage}" is finished by the next`, async (t) => {
    const { cluster, provider, up, status } = await bench(t);
    await up(WEB);
    provider.before = async (step) => {
      if (step === stage) throw new Error("power failure");
    };
    const options = { force: false, wanted: ["web-02"] };
    const some = cluster.destroySome(["web-01"], options, NEVER).then(() => cluster.destroy());
    await assert.rejects(some, { message: "power failure" });
    provider.before = async () => {};
    await cluster.destroy();
    assert.equal(provider.machines.size, 0);
    assert.deepEqual(await status(), []);
  });

test("what a machine lacks to boot is told before any is switched on, of those that are off", async (t) => {
  const { cluster, provider, up, state } = await bench(t);
  const lacking = async (step: string) => {
    if (step === "check web-02") throw new Error("no such folder");
  };
  provider.before = lacking;
  await assert.rejects(up(WEB), { message: "no such folder" });
  assert.deepEqual(provider.done, []);
  assert.equal(existsSync(state.path), false);
  await up(WEB, "web-01");
  provider.before = async () => {};
  await up(WEB);
  provider.before = lacking;
  await up(WEB); // it runs: what it booted with is not needed now
  await assert.rejects(cluster.check([], await wishFor(WEB)), { message: "no such folder" });
});

test("a network that another cluster has is not taken, nor chosen", async (t) => {
  const others = [{ called: "project db", network: "127.0.1" }];
  const { up, cluster } = await bench(t, others);
  await assert.rejects(up(`network: 127.0.1\n${WEB}`), {
    code: "ADDRESS_IN_USE",
    message: /127\.0\.1: the machines of project db have its addresses/,
  });
  await up(WEB);
  const [machine] = await cluster.machines([]);
  assert.equal(machine?.address, "127.0.2.1");
  await assert.rejects(up(`network: 127.0.3\n${WEB}`), {
    code: "USAGE",
    message: /there are have 127\.0\.2/,
  });
});

test("a network that such machines cannot have is refused", async (t) => {
  const { up } = await bench(t);
  await assert.rejects(up(`network: 10.0.0\n${WEB}`), { code: "USAGE", message: /loopback/ });
});

test("the machines that hold the store stay the same", async (t) => {
  const { up } = await bench(t);
  await up("groups: {web: {count: 3, servers: 1}}");
  await assert.rejects(up("groups: {web: {count: 3, servers: 3}}"), {
    code: "USAGE",
    message: /Cannot have the store on web-01, web-02, web-03, .*it is on web-01/,
  });
});

test("without a project machines are counted, grow, and keep their user-data", async (t) => {
  const { cluster, provider, status } = await bench(t);
  await cluster.up([], await core({ count: 2, metadata: ["core-02:disk=ssd"] }), NEVER);
  const [, second] = await cluster.machines([]);
  assert.deepEqual(second?.metadata, { role: "worker", disk: "ssd" });
  const kept = provider.machines.get("core-01")?.userData;
  await cluster.up([], await core({ count: 3 }), NEVER);
  assert.deepEqual(await status(), ["core-01 running", "core-02 running", "core-03 running"]);
  assert.equal(provider.machines.get("core-01")?.userData, kept);
  await assert.rejects(cluster.up([], await core({ count: 2 }), NEVER), { code: "USAGE" });
  await assert.rejects(cluster.up([], await core({ servers: 2 }), NEVER), { code: "USAGE" });
});

test("a project's mistakes in user-data are all told before anything is made", async (t) => {
  const { state, up } = await bench(t);
  await assert.rejects(up('groups: {web: {user-data: "#cloud-config\\nhostname: [x]\\n"}}'), {
    code: "CLOUD_CONFIG_INVALID",
    message: /of group web in .*keelson\.yaml:2/,
  });
  await assert.rejects(up("groups: {web: {user-data: nowhere}}"), {
    code: "FILE_UNREADABLE",
    message: /user-data \/home\/me\/web\/nowhere/,
  });
  await assert.rejects(readdir(state.path), { code: "ENOENT" });
});

test("a damaged record is told, and destroy removes what there is", async (t) => {
  const { cluster, state, status, up } = await bench(t);
  await up(WEB);
  await writeFile(join(state.path, "cluster.json"), "{");
  await assert.rejects(status(), { code: "RECORD_MALFORMED" });
  await cluster.destroy();
  assert.deepEqual(await status(), []);
});
