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

const UNIT = `[Service]
ExecStart=/bin/sh -c 'echo "hello from %H"; exec sleep 100000'

[X-Fleet]
Conflicts=hello@*.service
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
  await until("three machines", async () => {
    const { stdout } = await cluster.ssh("core-03", "fleetctl list-machines --no-legend");
    return stdout.trim().split("\n").length === 3;
  });

  await t.test("the user core runs the clients without a flag", async () => {
    assert.equal((await cluster.ssh("core-02", "etcdctl set /topic coreos")).stdout, "coreos\n");
    assert.equal((await cluster.ssh("core-03", "etcdctl get /topic")).stdout, "coreos\n");
    assert.match((await cluster.ssh("core-01", "cat /etc/motd")).stdout, /Keelson runs as one/);
  });

  await t.test("units are spread, and say where they are", async () => {
    await cluster.succeed("core-01", `cat > hello@.service << 'EOF'\n${UNIT}EOF`);
    const start = await cluster.succeed("core-01", "fleetctl start hello@{1..2}.service");
    assert.match(start, /launched/);
    await until("both run", async () => (await active(cluster, "core-01")).includes("hello@2"));
    const { stdout } = await cluster.ssh("core-01", "fleetctl journal hello@2");
    assert.match(stdout, /hello from core-0\d/);
  });
});
