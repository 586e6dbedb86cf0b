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

test("a computer that systemd booted lends containers their groups", async (t: TestContext) => {
  await using cluster = await openContainerCluster({
    count: 1,
    equipment: () => ({
      folders: [{ host: CACHE, path: CACHE, readOnly: false }],
      packages: ["mmdebstrap", "systemd-container"],
    }),
  });
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
