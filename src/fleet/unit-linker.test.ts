import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { openLogger } from "#base/logger.ts";
import type { Systemd } from "#systemd/systemd.ts";
import { UnitLinker } from "./unit-linker.ts";

const signal = new AbortController().signal;
const PLAIN = { installs: false, extends: false, replaces: false };
const open = (calls: string[]) => new UnitLinker(recorder(calls), openLogger("silent"), signal);

/** Notes what it is told; refuses files called bad. */
function recorder(calls: string[]): Systemd {
  const note = (what: string) => async (items: readonly string[]) => {
    calls.push(`${what} ${items.join(" ")}`);
    if (items.some((item) => item.includes("bad")))
      throw new Fault("SYSTEMD_FAILED", "Cannot link: it is bad; make it good");
  };
  const systemd: Pick<
    Systemd,
    "linkUnitFiles" | "unlinkUnitFiles" | "enableUnitFiles" | "isCurrent" | "reload"
  > = {
    linkUnitFiles: note("link"),
    enableUnitFiles: async (names, { runtime }) => {
      await note(`enable${runtime ? " --runtime" : ""}`)(names);
      return { hasInstall: true, changed: true };
    },
    unlinkUnitFiles: note("unlink"),
    isCurrent: async (name) => name !== "stale",
    reload: async () => void calls.push("reload"),
  };
  return systemd as Systemd;
}

test("UnitLinker: what is asked for together shares a reload, what comes meanwhile the next", async () => {
  const calls: string[] = [];
  const linker = open(calls);
  const first = Promise.all([
    linker.link("/a", PLAIN),
    linker.link("/b", PLAIN),
    linker.unlink("c.service"),
  ]);
  await Promise.resolve();
  const second = Promise.all([linker.link("/d", PLAIN), linker.link("/e", PLAIN)]);
  await first;
  await second;
  assert.deepEqual(calls, ["unlink c.service", "link /a /b", "reload", "link /d /e"]);
});

test("UnitLinker: systemd reads everything again for a file with a drop-in, and when it has not a file as it is", async () => {
  for (const [path, how] of [
    ["/u/a", { ...PLAIN, extends: true }],
    ["/u/stale", PLAIN],
  ] as const) {
    const calls: string[] = [];
    await open(calls).link(path, how);
    assert.deepEqual(calls, [`link ${path}`, "reload"]);
  }
});

test("UnitLinker: a file that systemd refuses fails alone", async () => {
  const calls: string[] = [];
  const linker = open(calls);
  const results = await Promise.allSettled(
    ["/a", "/bad", "/c"].map((path) => linker.link(path, PLAIN)),
  );
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(calls, ["link /a /bad /c", "link /a", "link /bad", "link /c"]);
});

test("UnitLinker: units with [Install] are enabled, those that cannot be are linked all the same", async () => {
  const calls: string[] = [];
  const linker = open(calls);
  const install = { ...PLAIN, installs: true };
  await Promise.all([
    linker.link("/u/a", install),
    linker.link("/u/b", PLAIN),
    linker.link("/u/c", install),
  ]);
  assert.deepEqual(calls.splice(0), ["link /u/a /u/b /u/c", "enable --runtime a c", "reload"]);
  const refusing = Object.assign(recorder(calls), {
    enableUnitFiles: async (names: readonly string[]) => {
      calls.push(`enable ${names.join(" ")}`);
      if (names.includes("also"))
        throw new Fault("SYSTEMD_FAILED", "Cannot enable: Also= is not there; put it there");
      return { hasInstall: true, changed: true };
    },
  });
  const other = new UnitLinker(refusing, openLogger("silent"), signal);
  await Promise.all([other.link("/u/also", install), other.link("/u/c", install)]);
  assert.deepEqual(calls, [
    "link /u/also /u/c",
    "enable also c",
    "enable also",
    "enable c",
    "reload",
  ]);
});

test("UnitLinker: a file that takes another's place loses what that one had enabled", async () => {
  const calls: string[] = [];
  await open(calls).link("/u/a.service", { ...PLAIN, installs: true, replaces: true });
  assert.deepEqual(calls, [
    "unlink a.service",
    "link /u/a.service",
    "enable --runtime a.service",
    "reload",
  ]);
});
