// Every command about machines, with containers: what a person does with a cluster in an afternoon.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type ProjectDirectory, projectDirectory } from "#test/support/project.ts";

const execute = promisify(execFile);
const LIMIT_MS = 120_000;

const UNIT = `[Service]
ExecStart=/bin/sh -c 'echo $(date) > /shared/%H; exec sleep 1000'
`;
const NETWORK = `10.209.${Math.floor(Math.random() * 250) + 1}`; // so that runs of this test can overlap

const PROJECT = `name: cloud
provider: container
network: ${NETWORK}
defaults:
  memory: 512M
  folders: ["shared:/shared", "hello:/units:ro"]
groups:
  controller:
    count: 2
    first: 11
    metadata: {role: controller}
  compute:
    count: 1
    first: 31
    metadata: {role: compute}
`;

/** Waits until a line of shell ends well. */
async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const endMs = Date.now() + LIMIT_MS; !(await holds()); await sleep(200))
    assert.ok(Date.now() < endMs, `not within ${LIMIT_MS} ms: ${what}`);
}

async function openCloud(): Promise<ProjectDirectory> {
  const project = await projectDirectory({ "keelson.yaml": PROJECT });
  for (const directory of ["shared", "hello"]) await mkdir(join(project.directory, directory));
  await project.write("hello/hello.service", UNIT);
  return project;
}

/** What ssh(1) says that knows the machines by `keelson ssh-config` alone. */
async function plainSsh(project: ProjectDirectory, ...args: string[]): Promise<string> {
  const config = join(project.directory, "ssh-config");
  await writeFile(config, await project.succeed("ssh-config"));
  return (await execute("ssh", ["-F", config, ...args], { timeout: LIMIT_MS })).stdout;
}

async function lifeOfAnAfternoon(t: TestContext, project: ProjectDirectory): Promise<void> {
  const { succeed, tells } = project;
  const fleetctl = (line: string) => succeed("ssh", "controller-01", `fleetctl ${line}`);
  await t.test("up makes machines with systemd, memory, folders and metadata", async () => {
    await tells("up");
    assert.match(await succeed("ssh", "controller-01", "ps -o comm= -p 1"), /^systemd\n$/);
    await until("all machines are known", async () => {
      const known = await fleetctl("list-machines --no-legend");
      return known.includes("role=compute") && known.match(/role=controller/g)?.length === 2;
    });
    const units = await succeed("ssh", "compute-01", "ls /units; touch /units/x 2>&1 || true");
    assert.match(units, /hello\.service\n.*Read-only/s);
  });
  await t.test("vagrant's ways of ssh are keelson's", async () => {
    assert.equal(await succeed("ssh", "controller-02", "--", "-A", "hostname"), "controller-02\n");
    assert.equal(await succeed("ssh", "compute-01", "-c", "id -un"), "core\n");
    assert.equal(await succeed("ssh", "compute-01", "sudo -n id -un"), "root\n");
    assert.equal((await project.keelson(["ssh", "compute-01", "exit 9"])).status, 9);
    assert.equal(await plainSsh(project, "compute-01", "hostname"), "compute-01\n");
    assert.equal(await plainSsh(project, `${NETWORK}.31`, "hostname"), "compute-01\n");
  });
  await t.test("a unit is started from a folder that all machines see", async () => {
    await succeed("ssh", "controller-01", "cd /units && fleetctl start hello.service");
    await until("hello runs", async () => (await fleetctl("list-units")).includes("running"));
    assert.match(
      await fleetctl("list-units"),
      new RegExp(`${NETWORK.replaceAll(".", "\\.")}\\.\\d+`),
    );
  });
  await t.test("partition parts two machines, heal joins them", async () => {
    const ping = `ping -c 1 -W 1 ${NETWORK}.31`;
    await succeed("ssh", "controller-02", ping);
    await tells("partition", "controller-02", "compute");
    assert.notEqual((await project.keelson(["ssh", "controller-02", ping])).status, 0);
    await succeed("ssh", "controller-01", ping);
    await tells("heal");
    await succeed("ssh", "controller-02", ping);
  });
  await t.test("changed settings are applied by reload", async () => {
    await project.write("keelson.yaml", PROJECT.replace("role: compute", "role: gpu"));
    assert.match(await tells("up", "compute"), /keelson reload compute-01/);
    await tells("reload", "compute-01");
    await until("the new role is known", async () =>
      (await fleetctl("list-machines")).includes("role=gpu"),
    );
  });
  await t.test("a halted machine keeps its disk and its logs can be read", async () => {
    await succeed("ssh", "controller-02", "sudo sh -c 'echo kept > /var/lib/kept'");
    await tells("halt", "controller-02");
    assert.match(await succeed("status"), /controller-02 +halted/);
    assert.match(await succeed("logs", "controller-02"), /controller-02 systemd\[1\]: .*\n/);
    await tells("up", "controller-02");
    assert.equal(await succeed("ssh", "controller-02", "cat /var/lib/kept"), "kept\n");
    await tells("halt", "--force", "controller-02");
    await tells("up", "controller-02");
    assert.equal(await succeed("ssh", "controller-02", "cat /var/lib/kept"), "kept\n");
  });
  await t.test("a destroyed machine comes back without its disk", async () => {
    const id = await succeed("ssh", "controller-02", "cat /etc/machine-id");
    await tells("destroy", "controller-02");
    assert.match(await succeed("status"), /controller-02 +not created/);
    await tells("up");
    assert.notEqual(await succeed("ssh", "controller-02", "cat /etc/machine-id"), id);
    assert.equal((await project.keelson(["ssh", "controller-02", "cat /var/lib/kept"])).status, 1);
  });
  await t.test("folders are this computer's", async () => {
    assert.match(
      await succeed("ssh", "compute-01", "echo from inside | sudo tee /shared/note"),
      /from/,
    );
    assert.equal(await readFile(join(project.directory, "shared/note"), "utf8"), "from inside\n");
  });
}

test("a cloud of containers lives through an afternoon", async (t) => {
  await using project = await openCloud();
  await lifeOfAnAfternoon(t, project);
  await project.tells("destroy");
  assert.deepEqual(await project.state.traces(), []);
  const { stdout } = await execute("ip", ["-4", "route"]);
  assert.doesNotMatch(stdout, new RegExp(NETWORK.replaceAll(".", "\\.")));
});

for (const said of ["booting", "applying", "shutting down"])
  test(`containers that were left half way by a Ctrl-C when "${said}" are mended by up and destroy`, async () => {
    await using project = await openCloud();
    if (said === "shutting down") await project.tells("up", "controller");
    await using cut = project.start(said === "shutting down" ? ["halt"] : ["up", "controller"]);
    await cut.untilSaid(said);
    cut.child.kill("SIGINT");
    assert.equal(await cut.ended(), 130);
    await project.tells("up", "controller");
    assert.match(await project.succeed("status", "controller"), /01 +running[^]*02 +running/);
    await project.tells("destroy");
    assert.deepEqual(await project.state.traces(), []);
  });
