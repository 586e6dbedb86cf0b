import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import type { Systemd } from "#systemd/systemd.ts";
import { UnitLinker } from "./unit-linker.ts";

const signal = new AbortController().signal;

/** Notes what it is told; refuses files called bad. */
function recorder(calls: string[]): Systemd {
  const note = (what: string) => async (items: readonly string[]) => {
    calls.push(`${what} ${items.join(" ")}`);
    if (items.some((item) => item.includes("bad")))
      throw new Fault("SYSTEMD_FAILED", "Cannot link: it is bad; make it good");
  };
  const systemd: Pick<Systemd, "linkUnitFiles" | "unlinkUnitFiles" | "reload"> = {
    linkUnitFiles: note("link"),
    unlinkUnitFiles: note("unlink"),
    reload: async () => void calls.push("reload"),
  };
  return systemd as Systemd;
}

test("UnitLinker: what is asked for together shares a reload, what comes meanwhile the next", async () => {
  const calls: string[] = [];
  const linker = new UnitLinker(recorder(calls), signal);
  const first = Promise.all([linker.link("/a"), linker.link("/b"), linker.unlink("c.service")]);
  await Promise.resolve();
  const second = Promise.all([linker.link("/d"), linker.link("/e")]);
  await first;
  await second;
  assert.deepEqual(calls, ["link /a /b", "unlink c.service", "reload", "link /d /e", "reload"]);
});

test("UnitLinker: a file that systemd refuses fails alone", async () => {
  const calls: string[] = [];
  const linker = new UnitLinker(recorder(calls), signal);
  const results = await Promise.allSettled(["/a", "/bad", "/c"].map((path) => linker.link(path)));
  assert.deepEqual(
    results.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(calls, ["link /a /bad /c", "link /a", "link /bad", "link /c", "reload"]);
});
