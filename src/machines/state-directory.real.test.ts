import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Cluster } from "#machines/core/machine.ts";
import { coreMachines, planCluster } from "#machines/core/plan-cluster.ts";
import { defaultStateDirectory, StateDirectory } from "#machines/state-directory.ts";

async function stateDirectory(t: TestContext): Promise<StateDirectory> {
  const parent = await mkdtemp("/tmp/keelson-state-");
  t.after(() => rm(parent, { recursive: true }));
  return new StateDirectory(join(parent, "state"));
}

test("load() gives back what save() kept; without a record there is no cluster", async (t) => {
  const state = await stateDirectory(t);
  assert.equal(await state.load(), undefined);
  const empty: Cluster = {
    provider: "container",
    network: "10.0.9",
    idPrefix: "abc123",
    servers: [],
    project: "/somewhere/keelson.yaml",
    discovery: "http://10.0.9.254:8087/token",
    machines: [],
  };
  const metadata = new Map([["core-02", { disk: "ssd" }]]);
  const wanted = coreMachines([], { count: 3, servers: 3, metadata });
  const { cluster } = planCluster(empty, wanted, (digits) => "f".repeat(digits));
  const [first, ...others] = cluster.machines;
  assert.ok(first);
  const booted = { userData: "0123", settings: "4567" };
  const whole = { ...cluster, machines: [{ ...first, userData: "89ab", booted }, ...others] };
  await state.save(whole);
  assert.deepEqual(await state.load(), whole);
});

test("load() reads a record from when there was one provider and servers were counted", async (t) => {
  const state = await stateDirectory(t);
  await mkdir(state.path);
  const machine = {
    name: "core-01",
    number: 1,
    id: "0".repeat(32),
    address: "127.0.1.1",
    metadata: { role: "store" },
  };
  const old = { version: 1, network: "127.0.1", idPrefix: "000000", machines: [machine] };
  await writeFile(join(state.path, "cluster.json"), JSON.stringify(old));
  const { provider, servers, machines } = (await state.load()) ?? assert.fail();
  assert.equal(provider, "process");
  assert.deepEqual(servers, ["core-01"]);
  assert.deepEqual(machines, [{ ...machine, equipment: { folders: [] } }]);
});

test("clusters() are those of the directory and of projects below it; none is left behind", async (t) => {
  const base = await stateDirectory(t);
  const cluster: Cluster = {
    provider: "process",
    network: "127.0.9",
    idPrefix: "abc123",
    servers: [],
    machines: [],
  };
  const web = base.ofProject("web");
  assert.deepEqual(await base.clusters(), []);
  for (const state of [web, base]) {
    await using _lock = await state.lock();
    await state.save(cluster);
  }
  assert.deepEqual(
    (await base.clusters()).map(({ path }) => path),
    [base.path, web.path],
  );
  await base.remove();
  assert.deepEqual(
    (await base.clusters()).map(({ path }) => path),
    [web.path],
  );
  await web.remove();
  await assert.rejects(readdir(base.path), { code: "ENOENT" });
});

test("checkNames() refuses machines whose sockets would have too long a path", () => {
  const state = new StateDirectory(`/tmp/${"x".repeat(40)}`).ofProject("web");
  state.checkNames(["core-01"]);
  assert.throws(() => state.checkNames(["core-01", `${"g".repeat(24)}-01`]), {
    code: "CONFIG_INVALID",
    message: /too long for unix sockets of g+-01; set KEELSON_STATE .* or shorten the names/,
  });
});

for (const record of ["", "{", "[]", '{"version":2}', '{"version":1,"network":"127.0.9"}'])
  test(`load() refuses the record ${JSON.stringify(record)} and says what to do`, async (t) => {
    const state = await stateDirectory(t);
    await mkdir(state.path);
    await writeFile(join(state.path, "cluster.json"), record);
    await assert.rejects(state.load(), {
      code: "RECORD_MALFORMED",
      message: /cluster\.json: .*keelson destroy/,
    });
  });

test("lock() is held by one at a time, also while the directory is removed and made again", async (t) => {
  const state = await stateDirectory(t);
  let holders = 0;
  let taken = 0;
  const contend = async (removes: boolean) => {
    for (let attempt = 0; attempt < 20; attempt += 1)
      try {
        await using _lock = await state.lock();
        holders += 1;
        taken += 1;
        assert.equal(holders, 1);
        await setImmediate();
        if (removes) await state.remove();
        holders -= 1;
      } catch (error) {
        assert.equal((error as { code: unknown }).code, "ADDRESS_IN_USE");
      }
  };
  await Promise.all([true, false, true, false].map(contend));
  assert.ok(taken > 0);
});

test("lock() is free again when its holder was killed", async (t) => {
  const state = await stateDirectory(t);
  const file = JSON.stringify(join(import.meta.dirname, "state-directory.ts"));
  const script = `const { StateDirectory } = await import(${file});
    const lock = await new StateDirectory(${JSON.stringify(state.path)}).lock();
    console.log("held"); setInterval(() => lock, 1000);`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => holder.kill("SIGKILL"));
  await once(holder.stdout, "data");
  await assert.rejects(state.lock(), {
    code: "ADDRESS_IN_USE",
    message: new RegExp(`process ${holder.pid}`),
  });
  const ended = once(holder, "exit");
  holder.kill("SIGKILL");
  await ended;
  await using _lock = await state.lock();
});

test("remove() takes what is Keelson's and leaves the rest", async (t) => {
  const state = await stateDirectory(t);
  await mkdir(join(state.path, "machines/core-01"), { recursive: true });
  await writeFile(join(state.path, "diary"), "dear");
  {
    await using _lock = await state.lock();
    await state.remove();
  }
  assert.deepEqual(await readdir(state.path), ["diary"]);
});

test("a relative KEELSON_STATE is taken from the working directory", () => {
  assert.equal(new StateDirectory("here").path, join(process.cwd(), "here"));
});

test("the tag is the directory's own, by whatever link it is reached, there or not yet", async (t) => {
  const { path } = await stateDirectory(t);
  const parent = dirname(path);
  await symlink(parent, `${parent}/link`);
  const tags = () => [path, `${parent}/link/state`].map((at) => new StateDirectory(at).tag);
  const [tag, byLink] = tags();
  assert.equal(byLink, tag);
  await mkdir(path);
  assert.deepEqual(tags(), [tag, tag]);
  assert.notEqual(new StateDirectory(path).ofProject("web").tag, tag);
});

test("the longest path that sockets allow is used, one byte more is refused", () => {
  const deepest = "/machines/core-99/run/systemd/private";
  const longest = `/${"x".repeat(107 - deepest.length - 1)}`; // 107: sun_path, unix(7)
  assert.equal(new StateDirectory(longest).path, longest);
  assert.throws(() => new StateDirectory(`${longest}x`), { code: "CONFIG_INVALID" });
  assert.throws(() => new StateDirectory(`${longest.slice(0, -1)}ö`), { code: "CONFIG_INVALID" });
});

test("defaultStateDirectory() follows KEELSON_STATE, and for root else the computer's", () => {
  assert.equal(defaultStateDirectory({ KEELSON_STATE: "/k" }), "/k");
  if (process.getuid?.() === 0)
    assert.equal(defaultStateDirectory({ KEELSON_STATE: "", HOME: "/root" }), "/var/lib/keelson");
});
