// Containers on a computer that systemd booted, which is itself a container of ours: it lends them their control groups.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openContainerCluster } from "#test/support/container-cluster.ts";

/** Base trees are this computer's, so that none is made there. The state lies on no overlay. */
const CACHE = "/var/cache/keelson";
const ENVIRONMENT = "export KEELSON_SOURCE=1 KEELSON_STATE=/var/lib/containers/keelson; cd /srv;";

const PROJECT = `name: small
provider: container
groups:
  core:
    count: 2
    user-data: user-data
    memory: 512M
    cpus: 0.5
`;

const OUTSIDE_PORT = 8099;

/** A computer, and another one beside it. */
function openComputers() {
  return openContainerCluster({
    count: 2,
    equipment: (number) => ({
      folders: [{ host: CACHE, path: CACHE, readOnly: false }],
      packages: number === 1 ? ["mmdebstrap", "nftables", "systemd-container"] : [],
    }),
  });
}

test("a computer that systemd booted lends containers their groups", async (t: TestContext) => {
  await using cluster = await openComputers();
  await cluster.boot();
  const does = (script: string) => cluster.succeed("core-01", `${ENVIRONMENT} ${script}`);
  await does(`printf '%s' '${PROJECT}' > keelson.yaml; printf '#cloud-config\\n' > user-data`);
  const links = await does("ls /sys/class/net");
  await does("keelson up 2>&1");

  await t.test("each is a scope of the system's manager, within its limits", async () => {
    assert.match(await does("keelson status"), /core-01 +running[^]*core-02 +running/);
    const scopes = "systemctl list-units --no-legend --plain 'keelson-*.scope'";
    const names = (await does(scopes))
      .trim()
      .split("\n")
      .map((line) => line.split(" ")[0]);
    assert.equal(names.length, 2);
    const properties = "--property=MemoryMax --property=CPUQuotaPerSecUSec --property=Delegate";
    const shown = await does(`systemctl show ${properties} ${names[0]}`);
    assert.deepEqual(shown.trim().split("\n").toSorted(), [
      "CPUQuotaPerSecUSec=500ms",
      "Delegate=yes",
      `MemoryMax=${512 * 1024 * 1024}`,
    ]);
  });

  await t.test("they are whole machines", async () => {
    const check = "systemctl is-system-running --wait; sudo id -un";
    const said = await does(`keelson ssh core-01 -- '${check}'`);
    assert.equal(said, "running\nroot\n");
  });

  await t.test("their halts and power cuts leave this computer's systemd as it was", async () => {
    await does("keelson halt core-01 2>&1; keelson halt --force core-02 2>&1");
    assert.match(await does("keelson status"), /core-01 +halted[^]*core-02 +halted/);
    assert.equal(await does("systemctl list-units --no-legend 'keelson-*.scope'"), "");
    await does("keelson up 2>&1; keelson destroy 2>&1");
    assert.equal(await does("ls /sys/class/net"), links);
    assert.equal(await does("systemctl is-system-running"), "running\n");
    assert.equal(await does("ls /var/lib/containers"), "");
  });
});

test("machines reach other networks only where that is asked for, and nobody there reaches them", async (t) => {
  await using cluster = await openComputers();
  await cluster.boot();
  const does = (script: string) => cluster.succeed("core-01", `${ENVIRONMENT} ${script}`);
  const [computer, other] = cluster.machines;
  const outside = `http://${other!.address}:${OUTSIDE_PORT}`;
  const serve = `systemd-run --quiet --unit=outside keelson discovery --listen ${outside}`;
  await cluster.succeed("core-02", serve);
  await does(`ip route add default via ${other!.address}`);
  const project = (internet: boolean) =>
    `name: small\nprovider: container\nnetwork: 10.7.7\ngroups: {core: {count: 1, internet: ${internet}, user-data: user-data}}\n`;
  const asks = `curl -sS --max-time 60 --retry 30 --retry-delay 1 --retry-all-errors ${outside}/health`;
  const ask = (how: string) =>
    cluster.run("core-01", `${ENVIRONMENT} keelson ssh core-01 '${how}'`);

  await does(`echo '#cloud-config' > user-data; cat > keelson.yaml << 'END'\n${project(false)}END`);
  await does("keelson up 2>&1");
  assert.notEqual((await ask(asks.replace(/--retry.*errors/, ""))).status, 0);
  assert.equal(await does("nft list tables"), "");
  assert.equal(await does("cat /proc/sys/net/ipv4/conf/eth0/forwarding"), "0\n");

  await t.test("asked for", async () => {
    await does(`cat > keelson.yaml << 'END'\n${project(true)}END`);
    assert.match(await does("keelson reload 2>&1"), /forwards packets of eth0/);
    const answer = await ask(asks);
    assert.equal(answer.status, 0, answer.stderr);
  });

  await t.test("from outside", async () => {
    const reach = "ping -q -c1 -W2 10.7.7.1 > /dev/null && echo reached || echo lost";
    await cluster.succeed("core-02", `ip route add 10.7.7.0/24 via ${computer!.address}`);
    assert.equal(await cluster.succeed("core-02", reach), "lost\n");
    await does("nft flush ruleset"); // it is the rules that keep them out
    assert.equal(await cluster.succeed("core-02", reach), "reached\n");
  });

  await does("keelson reload 2>&1");
  assert.match(await does("nft list tables"), /^table ip keelson_kl_[0-9a-f]{8}\n$/);
  await does("keelson destroy 2>&1");
  assert.equal(await does("nft list tables"), "");
});
