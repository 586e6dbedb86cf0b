import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { test } from "node:test";
import { startMember } from "#keys/member-for-tests.ts";
import { freePort } from "#keys/real-etcd.ts";
import { type Daemon, mainPid, startDaemon, unit, until } from "#test/support/fleet-daemon.ts";
import { privateSystemdMissing } from "#test/support/private-systemd.ts";

const skip = privateSystemdMissing();
const signal = AbortSignal.timeout(300_000);
const SLEEP = "/bin/sleep infinity";

async function healthOf({ client, id }: Daemon, name: string) {
  const [state] = await client.listStates({ unitName: name, machineID: id }, signal);
  return { health: state?.health, reason: state?.healthReason };
}

test("checks by command see what the unit sees, and an unhealthy unit is restarted", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const daemon = await startDaemon(t, store);
  // Outside of /tmp, of which the unit has one of its own.
  const directory = await mkdtemp("/dev/shm/keelson-health-");
  t.after(() => rm(directory, { recursive: true }));
  await chmod(directory, 0o755);
  const well = join(directory, "well");
  await writeFile(well, "");
  const fast = ["HealthInterval=200ms", "HealthThreshold=2", "HealthStart=0"];
  const checked = unit("web.service", SLEEP, [
    'HealthCheck=test "$WHO" = me && test "$PWD" = /tmp && test ! -e /tmp/health-outside && test "$(id -u)" = 65534',
    `HealthCheck=test -e ${well} || { echo first; echo the well is dry; false; }`,
    ...fast,
  ]);
  const service = (name: string, value: string) => ({ section: "Service", name, value });
  await writeFile("/tmp/health-outside", "");
  t.after(() => rm("/tmp/health-outside", { force: true }));
  const options = [
    service("User", "65534"),
    service("Environment", "WHO=me"),
    service("WorkingDirectory", "/tmp"),
    service("PrivateTmp", "yes"),
    ...checked.options,
  ];
  await daemon.client.setUnit({ ...checked, options }, signal);
  await until(
    "web is healthy",
    async () => (await healthOf(daemon, "web.service")).health === "healthy",
  );
  const pid = await mainPid(daemon, "web.service");

  await rm(well);
  await until("web is restarted", async () => {
    const now = await mainPid(daemon, "web.service");
    return now > 0 && now !== pid;
  });
  await until("it says why", async () => {
    const { health, reason } = await healthOf(daemon, "web.service");
    return health === "unhealthy" && reason === "exit status 1: the well is dry";
  });
  await writeFile(well, "");
  await until(
    "web is healthy again",
    async () => (await healthOf(daemon, "web.service")).health === "healthy",
  );
});

test("checks by HTTP and TCP; OnUnhealthy=move takes a unit to the other machine", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const both = [await startDaemon(t, store), await startDaemon(t, store)];
  let status = 302;
  const server = createServer((_, answer) => answer.writeHead(status).end("body"));
  const port = await freePort();
  server.listen(port, "127.0.0.1");
  t.after(() => server.close());
  const fast = ["HealthInterval=200ms", "HealthThreshold=2", "HealthStart=0"];
  const web = unit("web.service", SLEEP, [
    `HealthCheck=http://127.0.0.1:${port}/health`,
    `HealthCheck=tcp:${port}`,
    ...fast,
    "OnUnhealthy=move",
  ]);
  const [first, second] = both;
  await first!.client.setUnit(web, signal);
  const hostOf = async () => {
    const [state] = await first!.client.listStates({ unitName: web.name }, signal);
    return both.find(({ id }) => id === state?.machineID && state.health === "healthy");
  };
  await until("web is healthy", async () => (await hostOf()) !== undefined);
  const host = (await hostOf())!;
  const other = host === first ? second! : first!;
  status = 500;
  await until("web runs on the other", async () => (await mainPid(other, web.name)) > 0);
  status = 200;
  await until("web is healthy there", async () => (await hostOf()) === other);
  assert.equal(await mainPid(host, web.name), 0);
  const { reasons } = await first!.client.reasons(web.name, signal);
  const { reason } = reasons.find(({ machineID }) => machineID === host.id)!;
  assert.match(reason, /avoided for a while: unhealthy on \w+: HTTP status 500 from http/);
});
