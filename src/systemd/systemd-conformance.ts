import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LEASE_CHECKS } from "#systemd/lease-conformance.ts";
import { LOAD_CHECKS } from "#systemd/load-conformance.ts";
import type { Systemd } from "#systemd/systemd.ts";

/** A manager under test. */
export interface ConformanceSubject extends AsyncDisposable {
  open(): Promise<Systemd>;
  /** Writes a unit file outside the search path and gives its path. */
  write(name: string, text: string): Promise<string>;
}

const LIMIT_MS = 30_000;
const SLEEP = "[Service]\nExecStart=/bin/sleep infinity\n";

/** What every Systemd does. */
export function testSystemdConformance(
  name: string,
  start: () => Promise<ConformanceSubject>,
  skip: string | false,
): void {
  for (const [what, check] of [...CHECKS, ...LOAD_CHECKS, ...LEASE_CHECKS])
    test(`${name}: ${what}`, { skip }, async () => {
      await using subject = await start();
      await using systemd = await subject.open();
      await check(new Given(subject, systemd));
    });
}

/** A connection to the manager, with short words for what tests do with it. */
export class Given {
  readonly subject: ConformanceSubject;
  readonly systemd: Systemd;
  readonly signal = AbortSignal.timeout(LIMIT_MS);

  constructor(subject: ConformanceSubject, systemd: Systemd) {
    this.subject = subject;
    this.systemd = systemd;
  }

  async link(name: string, text: string): Promise<void> {
    await this.systemd.linkUnitFiles([await this.subject.write(name, text)], this.signal);
  }

  async state(name: string): Promise<string> {
    const [row] = await this.systemd.status([name], this.signal);
    return `${row?.loadState} ${row?.activeState} ${row?.subState}`;
  }

  async until(name: string, state: string): Promise<void> {
    for (;;) {
      const now = await this.state(name);
      if (now === state) return;
      assert(!this.signal.aborted, `${name} is ${now}, and did not become ${state}`);
      await sleep(5);
    }
  }

  start = (name: string) => this.systemd.startUnit(name, this.signal);
  stop = (name: string) => this.systemd.stopUnit(name, this.signal);
}

const CHECKS: readonly (readonly [what: string, body: (given: Given) => Promise<void>])[] = [
  [
    "starts and stops a unit",
    async (given) => {
      await given.link("web.service", `[Unit]\nDescription=A web server\n${SLEEP}`);
      assert.equal(await given.state("web.service"), "loaded inactive dead");
      assert.equal(await given.start("web.service"), "done");
      assert.equal(await given.state("web.service"), "loaded active running");
      const rows = await given.systemd.list(given.signal);
      assert.deepEqual(
        rows.find((row) => row.name === "web.service"),
        {
          name: "web.service",
          description: "A web server",
          loadState: "loaded",
          activeState: "active",
          subState: "running",
        },
      );
      assert.equal(await given.start("web.service"), "done");
      assert.equal(await given.stop("web.service"), "done");
      assert.equal(await given.state("web.service"), "loaded inactive dead");
      assert.equal(await given.stop("web.service"), "done");
    },
  ],
  [
    "answers for every name, in the order asked, whatever the names are",
    async (given) => {
      await given.link("web.service", SLEEP);
      await given.link("t@.service", SLEEP);
      await given.link("a\\x2db.service", SLEEP);
      await given.start("web.service");
      await given.start("a\\x2db.service");
      const names = [
        "no.service",
        "t@.service",
        "web.service",
        "sp ace",
        "",
        "t@1.service",
        "a\\x2db.service",
      ];
      const rows = await given.systemd.status(names, given.signal);
      assert.deepEqual(
        rows.map((row) => `${row.name}: ${row.loadState} ${row.activeState}`),
        [
          "no.service: not-found inactive",
          "t@.service: not-found inactive",
          "web.service: loaded active",
          "sp ace: not-found inactive",
          ": not-found inactive",
          "t@1.service: loaded inactive",
          "a\\x2db.service: loaded active",
        ],
      );
      assert.deepEqual(await given.systemd.status([], given.signal), []);
    },
  ],
  [
    "starts instances of a template",
    async (given) => {
      await given.link("t@.service", SLEEP);
      assert.equal(await given.start("t@1.service"), "done");
      assert.equal(await given.state("t@1.service"), "loaded active running");
      assert.equal(await given.state("t@2.service"), "loaded inactive dead");
      await assert.rejects(given.start("t@.service"), { code: "SYSTEMD_FAILED" });
    },
  ],
  [
    "refuses a missing unit, and stops and resets it without error",
    async (given) => {
      await assert.rejects(given.start("no.service"), {
        code: "SYSTEMD_FAILED",
        message: "Cannot start no.service: Unit no.service not found",
        facts: { error: "org.freedesktop.systemd1.NoSuchUnit" },
      });
      assert.equal(await given.stop("no.service"), "done");
      await given.systemd.resetFailed("no.service", given.signal);
      await given.systemd.unlinkUnitFiles(["no.service"], given.signal);
      await assert.rejects(given.systemd.linkUnitFiles(["/no/such.service"], given.signal), {
        code: "SYSTEMD_FAILED",
      });
    },
  ],
  [
    "says that a unit has a bad setting, refuses to start it, and stops it without error",
    async (given) => {
      await given.link("bad.service", "[Service]\nDescription=no ExecStart\n");
      assert.equal(await given.state("bad.service"), "bad-setting inactive dead");
      await assert.rejects(given.start("bad.service"), {
        code: "SYSTEMD_FAILED",
        facts: { error: "org.freedesktop.systemd1.BadUnitSetting" },
      });
      assert.equal(await given.stop("bad.service"), "done");
    },
  ],
  [
    "keeps a failed unit until it is reset",
    async (given) => {
      await given.link("fail.service", "[Service]\nExecStart=/bin/false\n");
      assert.equal(await given.start("fail.service"), "done");
      await given.until("fail.service", "loaded failed failed");
      await given.systemd.resetFailed("fail.service", given.signal);
      await given.until("fail.service", "loaded inactive dead");
    },
  ],
  [
    "runs a oneshot to its end",
    async (given) => {
      await given.link("one.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n");
      await given.link("two.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n");
      const remains = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n";
      await given.link("three.service", remains);
      assert.equal(await given.start("one.service"), "done");
      assert.equal(await given.state("one.service"), "loaded inactive dead");
      assert.equal(await given.start("two.service"), "failed");
      assert.equal(await given.state("two.service"), "loaded failed failed");
      assert.equal(await given.start("three.service"), "done");
      assert.equal(await given.state("three.service"), "loaded active exited");
    },
  ],
  [
    "tells how services ended, also of those that are gone from memory",
    async (given) => {
      const { systemd, signal } = given;
      const once = "[Service]\nType=oneshot\nExecStart=";
      await given.link("well.service", `${once}/bin/true\n`);
      await given.link("badly.service", `${once}/bin/false\n`);
      await given.link("slow.service", `${once}/bin/sleep 600\n`);
      const ended = async (name: string) => {
        const outcome = await systemd.outcome(name, signal);
        if (outcome === undefined) return undefined;
        const { beganMs, endedMs, ...how } = outcome;
        assert(beganMs !== undefined && endedMs !== undefined && beganMs <= endedMs);
        return how;
      };
      assert.equal(await ended("well.service"), undefined);
      assert.equal(await ended("no.service"), undefined);
      await given.start("well.service");
      await given.start("badly.service");
      void given.start("slow.service").catch(() => {}); // canceled below
      await given.until("slow.service", "loaded activating start");
      assert.equal(await ended("slow.service"), undefined);
      await given.stop("slow.service");
      const exited = (result: string, exitStatus: number) => ({
        result,
        exitStatus,
        signal: undefined,
      });
      assert.deepEqual(await ended("well.service"), exited("success", 0));
      assert.deepEqual(await ended("badly.service"), exited("exit-code", 1));
      const killed = { result: "signal", exitStatus: undefined, signal: 15 };
      assert.deepEqual(await ended("slow.service"), killed);
      await using other = await given.subject.open();
      assert.equal((await other.outcome("badly.service", signal))?.exitStatus, 1);
      assert.equal(await other.outcome("well.service", signal), undefined);
      await given.subject.write("badly.service", `${once}/bin/sleep 600\n`);
      await systemd.reload(signal);
      void given.start("badly.service").catch(() => {}); // it ends with the manager
      await given.until("badly.service", "loaded activating start");
      assert.equal(await ended("badly.service"), undefined);
    },
  ],
  [
    "cancels a start that a stop overtakes",
    async (given) => {
      await given.link("slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 600\n");
      const first = given.start("slow.service");
      const second = given.start("slow.service");
      await given.until("slow.service", "loaded activating start");
      assert.equal(await given.stop("slow.service"), "done");
      assert.deepEqual(await Promise.all([first, second]), ["canceled", "canceled"]);
      assert.equal(await given.state("slow.service"), "loaded failed failed");
    },
  ],
  [
    "restarts, also a stopped unit, and reloads only units that can",
    async (given) => {
      await given.link("web.service", SLEEP);
      const { systemd, signal } = given;
      assert.equal(await systemd.restartUnit("web.service", signal), "done");
      assert.equal(await systemd.restartUnit("web.service", signal), "done");
      assert.equal(await given.state("web.service"), "loaded active running");
      await assert.rejects(systemd.reloadUnit("web.service", signal), {
        code: "SYSTEMD_FAILED",
        facts: { error: "org.freedesktop.systemd1.JobTypeNotApplicable" },
      });
    },
  ],
  [
    "forgets a unit file when it is unlinked, and reads it again on reload",
    async (given) => {
      const { systemd, signal } = given;
      await given.link("web.service", SLEEP);
      await given.start("web.service");
      await given.subject.write("web.service", `[Unit]\nDescription=Second\n${SLEEP}`);
      await systemd.reload(signal);
      const [row] = await systemd.status(["web.service"], signal);
      assert.equal(row?.description, "Second");
      await systemd.unlinkUnitFiles(["no.service", "web.service"], signal);
      await systemd.reload(signal);
      assert.equal(await given.state("web.service"), "not-found active running");
      assert.equal(await given.stop("web.service"), "done");
      assert.equal(await given.state("web.service"), "not-found inactive dead");
    },
  ],
  [
    "starts a service that has no file, which is gone after its end",
    async (given) => {
      const { systemd, signal } = given;
      const start = (name: string, ...argv: [string, ...string[]]) =>
        systemd.startTransientUnit(name, { description: "A passing one", argv }, signal);
      assert.equal(await start("long.service", "/bin/sleep", "600"), "done");
      assert.deepEqual(await systemd.status(["long.service"], signal), [
        {
          name: "long.service",
          description: "A passing one",
          loadState: "loaded",
          activeState: "active",
          subState: "running",
        },
      ]);
      await assert.rejects(start("long.service", "/bin/sleep", "600"), {
        code: "SYSTEMD_FAILED",
        facts: { error: "org.freedesktop.systemd1.UnitExists" },
      });
      assert.equal(await given.stop("long.service"), "done");
      await given.until("long.service", "not-found inactive dead");
      assert.equal(await start("short.service", "/bin/true"), "done");
      await given.until("short.service", "not-found inactive dead");
      assert.equal(await start("bad.service", "/bin/false"), "done");
      await given.until("bad.service", "loaded failed failed");
      await systemd.resetFailed("bad.service", signal);
      await given.until("bad.service", "not-found inactive dead");
    },
  ],
  [
    "tells of changes from the moment it is asked, until aborted",
    async (given) => {
      const { systemd, signal } = given;
      await given.link("web.service", SLEEP);
      await given.link("fail.service", "[Service]\nExecStart=/bin/false\n");
      const stop = new AbortController();
      const changes = systemd.changes(AbortSignal.any([stop.signal, signal]));
      await given.start("web.service");
      await given.start("fail.service");
      const wanted = ["web.service", "fail.service", "*"];
      for await (const name of changes) {
        if (name === wanted[0]) wanted.shift();
        if (wanted[0] === "*") await systemd.reload(signal); // its "*" takes the place of unread names
        if (wanted.length === 0) stop.abort();
      }
      assert.deepEqual(wanted, []);
    },
  ],
  [
    "does not tell of a change of units that were only looked at",
    async (given) => {
      const { systemd, signal } = given;
      await given.link("bad.service", "[Service]\nDescription=no ExecStart\n");
      await given.link("web.service", SLEEP);
      const changes = systemd.changes(signal);
      await systemd.status(["bad.service", "no.service", "web.service"], signal);
      await systemd.reload(signal);
      const seen: string[] = [];
      for await (const name of changes) {
        if (name === "*") break;
        seen.push(name);
      }
      assert.deepEqual(
        seen.filter((name) => /^(bad|no|web)\.service$/.test(name)),
        [],
      );
    },
  ],
  [
    "stops waiting when aborted, while the job goes on",
    async (given) => {
      await given.link("slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 600\n");
      const controller = new AbortController();
      const started = given.systemd.startUnit("slow.service", controller.signal);
      await given.until("slow.service", "loaded activating start");
      controller.abort(new Error("enough"));
      await assert.rejects(started, { message: "enough" });
      await assert.rejects(given.systemd.reload(controller.signal), { message: "enough" });
      assert.equal(await given.state("slow.service"), "loaded activating start");
    },
  ],
  [
    "ends all that waits when it is closed, and units go on",
    async (given) => {
      await given.link("slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 600\n");
      const { signal } = given;
      const other = await given.subject.open();
      const started = other.startUnit("slow.service", signal);
      const followed = Array.fromAsync(other.changes(signal));
      const ends = Promise.allSettled([started, followed]);
      await given.until("slow.service", "loaded activating start");
      await other[Symbol.asyncDispose]();
      for (const end of await ends)
        assert.equal(end.status === "rejected" && end.reason.code, "SYSTEMD_GONE");
      await assert.rejects(other.list(signal), { code: "SYSTEMD_GONE" });
      await assert.rejects(Array.fromAsync(other.changes(signal)), { code: "SYSTEMD_GONE" });
      assert.equal(await given.state("slow.service"), "loaded activating start");
    },
  ],
  [
    "starts a hundred units at once",
    async (given) => {
      const { systemd, signal } = given;
      await given.link("t@.service", SLEEP);
      const names = Array.from({ length: 100 }, (_, i) => `t@${i}.service`);
      const results = await Promise.all(names.map((name) => systemd.startUnit(name, signal)));
      assert.deepEqual(new Set(results), new Set(["done"]));
      const rows = await systemd.status(names, signal);
      assert.deepEqual(
        rows.map((row) => `${row.name} ${row.subState}`),
        names.map((name) => `${name} running`),
      );
    },
  ],
];
