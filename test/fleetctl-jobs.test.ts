import assert from "node:assert/strict";
import { test } from "node:test";
import { openFleet } from "./fleetctl-fleet.ts";
import { runFleetctl, unitDirectory } from "./fleetctl-run.ts";
import { MACHINES } from "./fleetctl-units.ts";

const ONESHOT = "[Service]\nType=oneshot\nExecStart=";

async function open(files: Readonly<Record<string, string>>) {
  const stack = new AsyncDisposableStack();
  const directory = stack.use(await unitDirectory(files));
  const fleet = stack.use(await openFleet(directory.path, MACHINES));
  const options = { cwd: directory.path, env: { FLEETCTL_ENDPOINT: fleet.endpoint } };
  const run = (...words: string[]) => runFleetctl(words, options);
  return { run, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

test("fleetctl start waits for the end of a oneshot, and list-units shows how it ended", async () => {
  await using fleet = await open({
    "well.service": `${ONESHOT}/bin/sleep 1\n`,
    "badly.service": `${ONESHOT}/bin/false\n`,
    "gone.service": "[Service]\nExecStart=/bin/true\n",
  });
  const beganMs = Date.now();
  assert.equal((await fleet.run("start", "well")).exit, 0);
  assert.ok(Date.now() - beganMs >= 1_000);
  const badly = await fleet.run("start", "badly");
  assert.equal(badly.exit, 1);
  assert.match(badly.stderr, /unit badly\.service has failed \(exit status 1\) on /);
  const atOnceMs = Date.now();
  const gone = await fleet.run("start", "gone");
  assert.match(gone.stderr, /unit gone\.service (has ended: it )?is inactive \(dead\) on /);
  assert.ok(Date.now() - atOnceMs < 5_000);
  const units = await fleet.run("list-units", "--no-legend", "--fields=unit,result");
  const time = "\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z";
  assert.match(
    units.stdout,
    new RegExp(`^badly\\.service\tfailed \\(exit status 1\\) ${time}$`, "m"),
  );
  assert.match(units.stdout, new RegExp(`^well\\.service\tsuccess ${time}$`, "m"));
});

test("fleetctl drain does not wait for a job that has ended", async () => {
  await using fleet = await open({ "well.service": `${ONESHOT}/bin/true\n` });
  assert.equal((await fleet.run("start", "well")).exit, 0);
  const place = await fleet.run("list-units", "--no-legend", "--full", "--fields=machine");
  const drained = await fleet.run("drain", place.stdout.split("/")[0]!);
  assert.equal(drained.exit, 0, drained.stderr);
  assert.match(drained.stdout, /^Unit well\.service moved to \S+, having run to its end$/m);
});

test("fleetctl start arms a unit of the clock, list-timers shows it, and trigger has it run", async () => {
  await using fleet = await open({
    "yearly.service": `${ONESHOT}/bin/true\n[X-Fleet]\nOnCalendar=yearly\n`,
    "plain.service": `${ONESHOT}/bin/true\n`,
    "bad.service": `${ONESHOT}/bin/true\n[X-Fleet]\nOnCalendar=noon\n`,
  });
  const bad = await fleet.run("submit", "bad");
  assert.equal(bad.exit, 1);
  assert.match(bad.stderr, /OnCalendar=noon .*line 5/);
  await fleet.run("submit", "yearly");
  assert.match((await fleet.run("list-timers")).stdout, /^yearly\.service\s+not armed\s/m);
  assert.match(
    (await fleet.run("trigger", "yearly")).stderr,
    /it is not armed; run fleetctl start/,
  );
  assert.equal((await fleet.run("start", "yearly")).exit, 0);
  const timers = async () => JSON.parse((await fleet.run("list-timers", "--json")).stdout);
  const [armed] = await timers();
  assert.match(armed.next, /^\d{4}-01-01T00:00:00\.000Z$/);
  assert.deepEqual(
    [armed.armed, armed.last, armed.running, armed.result],
    [true, null, false, null],
  );
  assert.equal((await fleet.run("trigger", "yearly", "--why=a test")).exit, 0);
  let ran = armed;
  for (let i = 0; i < 200 && ran.result === null; i++) [ran] = await timers();
  assert.deepEqual([ran.result.result, ran.why, ran.running], ["success", "a test", false]);
  assert.match((await fleet.run("list-timers")).stdout, /^yearly\.service\s+\d{4}-.*\ssuccess\s/m);
  await fleet.run("start", "plain");
  const plain = await fleet.run("trigger", "plain");
  assert.deepEqual([plain.exit, /it has no OnCalendar/.test(plain.stderr)], [1, true]);
});

test("fleetctl takes units in their order, refuses a circle before anything, and says what each waits for", async () => {
  const service = (...lines: string[]) =>
    `[Service]\nExecStart=/bin/sleep infinity\n[X-Fleet]\n${lines.join("\n")}\n`;
  await using fleet = await open({
    "app.service": service("After=db.service"),
    "db.service": service("Requires=net.service"),
    "net.service": service("Priority=0"),
    "x.service": service("After=y@1.service"),
    "y@.service": service("Requires=x.service"),
  });
  const circle = await fleet.run("submit", "x", "y@1");
  assert.equal(circle.exit, 1);
  assert.match(
    circle.stderr,
    /lead in a circle: x\.service after y@1\.service after x\.service; remove one/,
  );
  assert.equal((await fleet.run("list-unit-files", "--no-legend")).stdout, "");
  const plan = await fleet.run("plan", "app", "db", "net");
  assert.match(plan.stdout, /^In order: net\.service, then db\.service, then app\.service$/m);

  const waits = await fleet.run("start", "--block-attempts=2", "app", "db");
  assert.equal(waits.exit, 1);
  assert.match(
    waits.stderr,
    /Waiting for unit db\.service: for net\.service, which it requires: nobody has started it/,
  );
  assert.match(
    waits.stderr,
    /Waiting for unit app\.service: for db\.service, which is inactive on /,
  );
  assert.match(
    (await fleet.run("explain", "db")).stdout,
    /waits for net\.service, which it requires/,
  );
  const status = await fleet.run("status", "app");
  assert.match(status.stdout, /Waits for: db\.service, which is inactive on /);
  const [row] = JSON.parse((await fleet.run("status", "--json", "db")).stdout);
  assert.match(row.waitsFor, /^net\.service, which it requires/);

  const started = await fleet.run("start", "app", "db", "net");
  assert.equal(started.exit, 0, started.stderr);
  assert.equal((await fleet.run("is-active", "app", "db", "net")).exit, 0);
});

test("fleetctl status shows how the last run ended", async () => {
  await using fleet = await open({ "badly.service": `${ONESHOT}/bin/false\n` });
  assert.equal((await fleet.run("start", "badly")).exit, 1);
  const status = await fleet.run("status", "badly");
  assert.match(status.stdout, /^ +Last run: failed \(exit status 1\) \d{4}-[-\d]+T[\d:.]+Z on /m);
});
