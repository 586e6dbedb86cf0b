// The shapes that a cluster can have, each built from its example: by discovery, by names, from a seed, and with workers.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { freePort } from "#keys/real-etcd.ts";
import { type Example, openExample, until } from "#test/support/example.ts";

const NETWORK = "127.0.84"; // apart from machines that a person may have
const CHANGES = { "127.0.1": NETWORK };

/** Names of the members that have started, sorted. */
async function members(example: Example): Promise<readonly string[]> {
  const list = await example.says("etcdctl member list");
  return [...list.matchAll(/ name=(\S+) /g)].map(([, name = ""]) => name).toSorted();
}

/** The last bytes of the addresses of the machines that fleet lists, with their metadata. */
async function machines(example: Example): Promise<readonly string[]> {
  const list = await example.says("fleetctl list-machines --no-legend");
  return [...list.matchAll(/^\S+\t(?:\d+\.){3}(\d+)\t(\S+)$/gm)]
    .map(([, at, metadata]) => `${at} ${metadata}`)
    .toSorted();
}

async function isHealthy(example: Example): Promise<boolean> {
  const { stdout } = await example.run("etcdctl cluster-health");
  return stdout.endsWith("cluster is healthy\n") && !/unhealthy|unreachable/.test(stdout);
}

/** What is written by one machine's etcd2 is read from each. */
async function sharesKeys(example: Example, lastBytes: readonly number[]): Promise<void> {
  await example.says("etcdctl set /shape/written here");
  for (const at of lastBytes) {
    const url = `http://${NETWORK}.${at}:2379`;
    const said = await example.says(
      `etcdctl --no-sync --endpoints ${url} get --quorum /shape/written`,
    );
    assert.equal(said, "here\n", url);
  }
}

const CORE = ["core-01", "core-02", "core-03"];

test("machines that know nobody find each other by a discovery URL", async () => {
  await using example = await openExample("shapes/discovery", CHANGES);
  const service = `http://127.0.0.1:${await freePort()}`;
  await using discovery = example.start(`keelson discovery --listen ${service} --data-dir tokens`);
  let url = "";
  await until(
    "the service gives out a URL",
    async () => (url = (await example.run(`curl --silent '${service}/new?size=3'`)).stdout) !== "",
    discovery.said,
  );
  await example.edit("user-data", { "<discovery-url>": url.trim() });
  await example.says("keelson up");
  assert.deepEqual(await members(example), CORE);
  await until("all three are healthy", () => isHealthy(example));
  await sharesKeys(example, [1, 2, 3]);
  assert.equal((await machines(example)).length, 3);
});

test("machines whose names and addresses stand fast need nobody else", async () => {
  await using example = await openExample("shapes/static", CHANGES);
  await example.says("keelson up");
  assert.deepEqual(await members(example), CORE);
  await until("all three are healthy", () => isHealthy(example));
  await sharesKeys(example, [1, 2, 3]);
  assert.equal((await machines(example)).length, 3);
});

/** The lines that `member add` prints, as the cloud-config's keys have them. */
function asKeys(
  printed: string,
): Record<"name" | "initial-cluster" | "initial-cluster-state", string> {
  const value = (variable: string) =>
    new RegExp(`^ETCD_${variable}="(.*)"$`, "m").exec(printed)?.[1] ?? assert.fail(printed);
  return {
    name: value("NAME"),
    "initial-cluster": value("INITIAL_CLUSTER"),
    "initial-cluster-state": value("INITIAL_CLUSTER_STATE"),
  };
}

test("a cluster grows from its seed, by what `member add` prints", async (t: TestContext) => {
  await using example = await openExample("shapes/seed", CHANGES);
  await example.says(
    `keelson up --machines 1 --network ${NETWORK} --user-data seed.user-data core-01`,
  );
  await example.says("etcdctl set /sown first");
  let previous = "core-02";
  for (const [at, name] of ["core-02", "core-03"].entries())
    await t.test(`${name} joins`, async () => {
      const add = `etcdctl member add ${name} http://${NETWORK}.${at + 2}:2380`;
      let printed = "";
      await until("the members take another one", async () => {
        const { status, stdout } = await example.run(add); // one that has just joined needs some seconds
        printed = stdout;
        return status === 0;
      });
      assert.match(await example.says("etcdctl member list"), /\[unstarted\]: peerURLs/);
      const keys = asKeys(printed);
      await example.edit("joining.user-data", { [previous]: name });
      const cluster = /initial-cluster: .*/.exec(await example.says("cat joining.user-data"))?.[0];
      await example.edit("joining.user-data", {
        [cluster ?? ""]: `initial-cluster: ${keys["initial-cluster"]}`,
      });
      previous = name;
      assert.equal(keys.name, name);
      assert.equal(keys["initial-cluster-state"], "existing");
      await example.says(`keelson up --machines ${at + 2} --user-data joining.user-data ${name}`);
      assert.deepEqual(await members(example), CORE.slice(0, at + 2));
    });
  await until("all three are healthy", () => isHealthy(example));
  assert.equal(await example.says("etcdctl get /sown"), "first\n");
  await sharesKeys(example, [1, 2, 3]);
  assert.equal((await machines(example)).length, 3);

  await t.test("all of it survives that every machine is off", async () => {
    await example.says("keelson halt --force");
    await example.says("keelson up");
    await until("all three are healthy", () => isHealthy(example));
    assert.equal(await example.says("etcdctl get /sown"), "first\n");
  });
});

test("workers keep nothing: they vanish and come back as others", async (t: TestContext) => {
  await using example = await openExample("shapes/core-and-workers", CHANGES);
  await example.says("keelson up");
  assert.deepEqual(await members(example), CORE, "workers are no members");
  await sharesKeys(example, [1, 2, 3, 21, 22]);
  const roles = ["1 role=core", "2 role=core", "21 role=worker", "22 role=worker", "3 role=core"];
  assert.deepEqual(await machines(example), roles);
  const idOf = async (name: string) =>
    (await example.says(`keelson ssh ${name} cat /etc/machine-id`)).trim();
  const before = await idOf("worker-01");

  await t.test("one is lost with its disk", async () => {
    await example.says("keelson destroy worker-01");
    await until("fleet has noticed", async () => (await machines(example)).length === 4);
    assert.deepEqual(await members(example), CORE);
  });

  await t.test("its successor is somebody else, at the same place", async () => {
    await example.says("keelson up worker-01");
    assert.notEqual(await idOf("worker-01"), before);
    await until("fleet has it", async () => (await machines(example)).join() === roles.join());
    await sharesKeys(example, [21, 22]);
  });

  await t.test("the store goes on without one of the three, and workers with it", async () => {
    await example.says("keelson halt --force core-02");
    await until("the store takes writes through a worker", async () => {
      const url = `http://${NETWORK}.21:2379`;
      const { status } = await example.run(
        `etcdctl --no-sync --endpoints ${url} set /lost core-02`,
      );
      return status === 0;
    });
  });
});
