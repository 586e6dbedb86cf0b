// The walk through examples/openstack-shape, as its guide has it: seven machines in three groups, a controller whose data
// are there wherever it runs, agents on every machine of their kind.
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Example, openExample, until } from "#test/support/example.ts";

const NETWORK = "10.201.84"; // apart from machines that a person may have

/** `unit@last byte of the address` of every active unit, sorted. */
async function active(example: Example): Promise<readonly string[]> {
  const { stdout } = await example.run("fleetctl list-units --no-legend");
  const rows = stdout.matchAll(/^(\S+)\s+\S+\/(?:\d+\.){3}(\d+)\s+active\s+running/gm);
  return [...rows].map(([, unit, at]) => `${unit}@${at}`).toSorted();
}

/** The machine that runs the controller; undefined while none does. */
async function controller(example: Example): Promise<string | undefined> {
  const found = (await active(example)).find((row) => row.startsWith("controller.service@"));
  return found === undefined ? undefined : `controller-0${Number(found.split("@")[1]) - 10}`;
}

/** Types lines to the controller's own shell, on the machine where it runs. */
async function connected(example: Example, machine: string, lines: readonly string[]) {
  return example.types(`keelson ssh ${machine}`, ["connect", ...lines, "exit", "exit"]);
}

/** Agents that told the controller of themselves in the last five seconds. */
const ALIVE =
  'mariadb --batch --skip-column-names openstack -e "SELECT host FROM agents WHERE seen > NOW(3) - INTERVAL 5 SECOND ORDER BY host"';

const AGENTS = ["compute-01", "compute-02", "network-01", "network-02"];

test("a cloud's shape on seven machines", async (t: TestContext) => {
  await using example = await openExample("openstack-shape", { "192.168.10": NETWORK });

  await t.test("the machines start, group by group", async () => {
    for (const group of ["controller", "network", "compute"])
      await example.says(`keelson up ${group}`);
    const status = await example.says("keelson status");
    assert.equal(status.match(/ running /g)?.length, 7, status);
    await until("fleet has them all", async () => {
      const { stdout } = await example.run("fleetctl list-machines --no-legend --fields=metadata");
      const roles = stdout.trim().split("\n").toSorted().join();
      return (
        roles ===
        "role=compute,role=compute,role=controller,role=controller,role=controller,role=network,role=network"
      );
    });
  });

  await t.test("services are started on one of them", async () => {
    const said = await example.types("keelson ssh controller-01 -- -A", [
      "cd /continuse/service",
      "fleetctl start controller.service",
      "fleetctl start network.service",
      "fleetctl start compute.service",
      "exit",
    ]);
    assert.match(said, /Unit controller\.service launched on \S+\/10\.201\.84\.1[123]/);
    await until(
      "all are where they belong",
      async () =>
        /^compute\.service@31,compute\.service@32,controller\.service@1[123],network\.service@21,network\.service@22$/.test(
          (await active(example)).join(),
        ),
      () => said,
    );
  });

  await t.test("journals are followed, from anywhere and on the spot", async () => {
    await using follows = example.start("fleetctl journal -f controller.service");
    await until("the database is ready", async () => /ready for connections/.test(follows.said()));
    await using local = example.start("keelson ssh network-01 journalctl -u network.service -f");
    await until("the agent reports", async () =>
      /reporting to the controller at/.test(local.said()),
    );
  });

  await t.test("data are made inside the controller", async () => {
    const home = (await controller(example)) ?? assert.fail("no controller runs");
    const said = await connected(example, home, [
      "hostname",
      "cp /etc/os-release /tmp/cirros.img",
      "image-create cirros-0.3.3 /tmp/cirros.img",
    ]);
    assert.match(said, /^controller\r?$/m);
    assert.match(said, /^cirros-0\.3\.3: \d+ bytes, [0-9a-f]{64}\r?$/m);
    const other = home === "controller-01" ? "controller-02" : "controller-01";
    const { status, stderr } = await example.run(`keelson ssh ${other} /opt/bin/connect`);
    assert.equal(status, 1);
    assert.match(stderr, /the controller does not run here; fleetctl list-units shows where/);
  });

  await t.test("two controllers never have the data at once", async () => {
    const home = (await controller(example)) ?? assert.fail("no controller runs");
    const other = home === "controller-01" ? "controller-02" : "controller-01";
    const { status, stderr } = await example.run(
      `keelson ssh ${other} sudo /continuse/bin/controller`,
    );
    assert.equal(status, 75, stderr);
    assert.match(stderr, new RegExp(`another controller has the data: ${home}`));
  });

  for (const how of ["halt --force", "halt"])
    await t.test(
      `the controller's machine is lost by ${how}: it moves, and has its data`,
      async () => {
        const lost = (await controller(example)) ?? assert.fail("no controller runs");
        await example.says(`keelson ${how} ${lost}`);
        await until("it runs elsewhere", async () => {
          const now = await controller(example);
          return now !== undefined && now !== lost;
        });
        const home = (await controller(example)) ?? assert.fail("no controller runs");
        const said = await connected(example, home, [
          'mariadb --batch openstack -e "SELECT name, bytes FROM images"',
          'sha256sum --check --quiet <(for f in /continuse/shared/glance/*; do echo "${f##*/}  $f"; done) && echo images are whole',
        ]);
        assert.match(said, /^cirros-0\.3\.3\s+\d+\r?$/m);
        assert.match(said, /^images are whole\r?$/m);
        await until("the agents have found it", async () => {
          const { stdout } = await example.run(`keelson ssh ${home} sudo '${ALIVE}'`);
          return stdout.trim().split("\n").join() === AGENTS.join();
        });
        await example.says(`keelson up ${lost}`);
        assert.equal(await controller(example), home, "it does not move back by itself");
      },
    );

  await t.test("stop and destroy", async () => {
    await example.says("fleetctl stop controller.service network.service compute.service");
    await until("nothing runs", async () => (await active(example)).length === 0);
    await example.says("fleetctl destroy controller.service network.service compute.service");
    assert.equal(await example.says("fleetctl list-unit-files --no-legend"), "");
  });
});
