// Three containers with the quickstart's user-data are a fleet: units run, move, and survive partitions.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type ContainerCluster,
  openContainerCluster,
  quickstartFor,
} from "#test/support/container-cluster.ts";

const LIMIT_MS = 120_000;
const SIGNAL = new AbortController().signal;

const UNIT = `[Service]
ExecStart=/bin/sh -c 'echo "hello from %H"; exec sleep 100000'

[X-Fleet]
MachineMetadata=role=worker
`;

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + LIMIT_MS; !(await holds()); await sleep(200))
    assert.ok(Date.now() < endMs, `not within ${LIMIT_MS} ms: ${what}`);
}

/** `unit@address` of every active unit, as the fleet on a machine knows them. */
async function active(cluster: ContainerCluster, name: string): Promise<string> {
  const { stdout } = await cluster.ssh(name, "fleetctl list-units --no-legend");
  const rows = [...stdout.matchAll(/^(\S+)\s+\S+\/(\S+)\s+active\s+running/gm)];
  return rows
    .map(([, unit = "", at = ""]) => `${unit.replace(".service", "")} ${at.split(".")[3]}`)
    .join(", ");
}

test("three containers are a fleet", async (t: TestContext) => {
  await using cluster = await openContainerCluster({ count: 3, userData: quickstartFor });
  await cluster.boot();
  const machines = async () => {
    const { stdout } = await cluster.ssh("core-01", "fleetctl list-machines --no-legend");
    return stdout.trim().split("\n").length;
  };
  const settles = (units: string) =>
    until(units, async () => (await active(cluster, "core-01")) === units);
  await until("three machines", async () => (await machines()) === 3);
  const [first, second, third] = cluster.machines;

  await t.test("the user core runs the clients without a flag", async () => {
    assert.equal((await cluster.ssh("core-02", "etcdctl set /topic coreos")).stdout, "coreos\n");
    assert.equal((await cluster.ssh("core-03", "etcdctl get /topic")).stdout, "coreos\n");
    assert.match((await cluster.ssh("core-01", "cat /etc/motd")).stdout, /Keelson runs as one/);
  });

  await t.test("units are spread, and say where they are", async () => {
    const submit = `cat > hello@.service << 'EOF'\n${UNIT}EOF`;
    const start = await cluster.ssh("core-01", `${submit}\nfleetctl start hello@{1..2}.service`);
    assert.match(start.stdout, /launched/, start.stderr);
    await settles("hello@1 2, hello@2 3");
    const { stdout } = await cluster.ssh("core-01", "fleetctl journal hello@2");
    assert.match(stdout, /hello from core-03/);
  });

  await t.test("a machine that loses its power loses its units to another", async () => {
    await cluster.provider.cutPower("core-02", SIGNAL);
    await settles("hello@1 3, hello@2 3");
    await cluster.boot("core-02");
    await until("it is back", async () => (await machines()) === 3);
  });

  await t.test(
    "a machine that only lost the store keeps its units; one that nobody reaches loses them, and comes back",
    async () => {
      await cluster.provider.partition(first!, third!);
      await until("it is held", async () =>
        (await cluster.ssh("core-01", "fleetctl list-machines --fields=ip,state")).stdout.includes(
          `${third!.address}\theld`,
        ),
      );
      assert.equal(await active(cluster, "core-01"), "hello@1 3, hello@2 3");
      await cluster.provider.partition(second!, third!);
      await settles("hello@1 2, hello@2 2");
      await cluster.provider.heal(cluster.machines);
      await until("it is back", async () => (await machines()) === 3);
      const copies = "systemctl list-units --no-legend 'hello@*' | wc -l";
      await until(
        "it runs no copy",
        async () => (await cluster.run("core-03", copies)).stdout === "0\n",
      );
    },
  );

  await t.test(
    "a machine that is halted in order hands its units over before it goes",
    async () => {
      await cluster.provider.halt("core-02", { leave: true }, SIGNAL);
      assert.equal(await machines(), 2);
      await settles("hello@1 3, hello@2 3");
    },
  );

  await t.test("a machine that may keep its place does", async () => {
    await cluster.provider.halt("core-03", { leave: false }, SIGNAL);
    const target = "etcdctl get /_coreos.com/fleet/job/hello@2.service/target";
    const { stdout } = await cluster.ssh("core-01", target);
    assert.equal(stdout.trim(), third!.id);
  });
});
