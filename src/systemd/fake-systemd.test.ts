import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "#base/clock.ts";
import { FakeClock } from "#base/fake-clock.ts";
import { seededRandom } from "#base/random.ts";
import { FakeSystemd } from "#systemd/fake-systemd.ts";
import { testSystemdConformance } from "#systemd/systemd-conformance.ts";

testSystemdConformance(
  "fake systemd",
  async () => {
    const files = new Map<string, string>();
    const manager = new FakeSystemd({
      clock: systemClock,
      random: seededRandom(1),
      files,
      jobMs: [0, 5],
    });
    return {
      open: async () => manager.open(),
      async write(name, text) {
        files.set(`/units/${name}`, text);
        return `/units/${name}`;
      },
      async [Symbol.asyncDispose]() {
        manager.reboot();
      },
    };
  },
  false,
);

const SIGNAL = new AbortController().signal;

/** A manager on a clock that the test moves, with a unit for each text. */
async function given(texts: Record<string, string>) {
  const clock = new FakeClock();
  const files = new Map(Object.entries(texts).map(([name, text]) => [`/u/${name}`, text]));
  const manager = new FakeSystemd({ clock, random: seededRandom(7), files });
  const systemd = manager.open();
  await systemd.linkUnitFiles([...files.keys()], SIGNAL);
  const state = async (name: string) => {
    const [row] = await systemd.status([name], SIGNAL);
    return `${row?.activeState} ${row?.subState}`;
  };
  return { clock, manager, systemd, state };
}

const SLEEP = "[Service]\nExecStart=/bin/sleep infinity\n";

test("a unit takes its time to start, runs its course and ends by itself", async () => {
  const { clock, systemd, state } = await given({
    "a.service": "[Service]\nExecStart=/bin/sleep 60\n",
  });
  const started = systemd.startUnit("a.service", SIGNAL);
  await clock.advance(4);
  assert.equal(await state("a.service"), "activating start");
  await clock.advance(46);
  assert.equal(await started, "done");
  assert.equal(await state("a.service"), "active running");
  await clock.advance(60_000);
  assert.equal(await state("a.service"), "inactive dead");
});

test("a unit can be slow to stop", async () => {
  const { clock, manager, systemd, state } = await given({
    "a.service": `${SLEEP}ExecStop=/bin/sleep 90\n`,
  });
  void systemd.startUnit("a.service", SIGNAL);
  await clock.advance(50);
  const stopped = systemd.stopUnit("a.service", SIGNAL);
  await clock.advance(89_000);
  assert.equal(await state("a.service"), "deactivating stop-sigterm");
  assert.deepEqual(manager.running(), ["a.service"]);
  await clock.advance(2_000);
  assert.equal(await stopped, "done");
  assert.deepEqual(manager.running(), []);
});

test("a unit that ignores SIGTERM takes all of its stop time and is then killed, whatever is asked meanwhile", async () => {
  const text = `[Service]\nExecStart=/bin/sh -c "trap '' TERM; exec sleep infinity"\nTimeoutStopSec=5\n`;
  const { clock, manager, systemd } = await given({ "a.service": text });
  void systemd.startUnit("a.service", SIGNAL);
  await clock.advance(50);
  const stopped = systemd.stopUnit("a.service", SIGNAL);
  await clock.advance(3_000);
  void systemd.startUnit("a.service", SIGNAL);
  assert.equal(await stopped, "canceled");
  const again = systemd.stopUnit("a.service", SIGNAL);
  await clock.advance(1_990);
  assert.ok(manager.isRunning("a.service"));
  await clock.advance(120);
  assert.equal(await again, "done");
  assert.ok(!manager.isRunning("a.service"));
});

test("exitUnit() ends a unit, and setFailing() makes the next starts fail", async () => {
  const { clock, manager, systemd, state } = await given({ "a.service": SLEEP });
  void systemd.startUnit("a.service", SIGNAL);
  await clock.advance(50);
  manager.exitUnit("a.service", 1);
  assert.equal(await state("a.service"), "failed failed");
  manager.setFailing("a.service", true);
  const again = systemd.startUnit("a.service", SIGNAL);
  await clock.advance(50);
  assert.equal(await again, "done");
  assert.equal(await state("a.service"), "failed failed");
  manager.setFailing("a.service", false);
  void systemd.startUnit("a.service", SIGNAL);
  await clock.advance(50);
  assert.equal(await state("a.service"), "active running");
});

test("dropConnections() leaves units running; a new connection sees them", async () => {
  const { clock, manager, systemd } = await given({ "a.service": SLEEP });
  void systemd.startUnit("a.service", SIGNAL);
  await clock.advance(50);
  const changes = Array.fromAsync(systemd.changes(SIGNAL));
  manager.dropConnections();
  await assert.rejects(changes, { code: "SYSTEMD_GONE" });
  await assert.rejects(systemd.list(SIGNAL), { code: "SYSTEMD_GONE" });
  const [row] = await manager.open().list(SIGNAL);
  assert.equal(row?.activeState, "active");
});

test("reboot() takes units and links away, and whoever waits is told", async () => {
  const { clock, manager, systemd } = await given({ "a.service": SLEEP, "b.service": SLEEP });
  void systemd.startUnit("a.service", SIGNAL);
  await clock.advance(50);
  const started = systemd.startUnit("b.service", SIGNAL);
  const refused = assert.rejects(started, { code: "SYSTEMD_GONE" });
  await clock.advance(1);
  manager.reboot();
  await refused;
  assert.deepEqual(manager.running(), []);
  await clock.advance(1_000);
  assert.deepEqual(manager.running(), []);
  const fresh = manager.open();
  assert.deepEqual(await fresh.list(SIGNAL), []);
  const [row] = await fresh.status(["a.service"], SIGNAL);
  assert.equal(row?.loadState, "not-found");
});
