import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import type { Systemd, UnitStatus } from "#systemd/systemd.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { LocalUnits } from "./local-units.ts";
import { MemoryUnitFiles } from "./unit-files.ts";

const signal = new AbortController().signal;
const [on, off] = ["on.service", "off.service"] as [UnitName, UnitName];

function row(name: string, activeState: string): UnitStatus {
  return { name, description: "", loadState: "loaded", activeState, subState: activeState };
}

/** Holds the rows given; notes which others are asked about. */
function systemdHolding(rows: UnitStatus[], asked: string[][]): Systemd {
  const systemd: Pick<Systemd, "list" | "status"> = {
    list: async () => rows,
    status: async (names) => {
      asked.push([...names]);
      return names.map((name) => row(name, "inactive"));
    },
  };
  return systemd as Systemd;
}

async function unitsWith(...names: UnitName[]): Promise<LocalUnits> {
  const files = new MemoryUnitFiles();
  for (const name of names) await files.write(name, `# ${name}`, undefined);
  await files.writeLaunched({ systemdRun: "1", launched: [on, "gone.service"], runs: {} });
  return LocalUnits.open(files, "1");
}

test("LocalUnits.look() asks about a unit that systemd does not hold once, not at every change", async () => {
  const units = await unitsWith(on, off);
  const rows = [row(on, "active")];
  const asked: string[][] = [];
  const systemd = systemdHolding(rows, asked);
  for (let i = 0; i < 3; i++) await units.look(systemd, "changed", signal);
  assert.deepEqual(asked, [[off]]);
  await units.look(systemd, "all", signal);
  assert.deepEqual(asked, [[off], [off]]);
  assert.equal(units.get(on)?.activeState, "active");
  rows.length = 0; // it ended by itself, and systemd forgot it
  await units.look(systemd, "changed", signal);
  assert.deepEqual([units.get(on)?.activeState, units.status(on)?.subState], ["inactive", "dead"]);
  assert.equal(asked.length, 2);
  units.loaded(on, "another file");
  await units.look(systemd, "changed", signal);
  assert.deepEqual(asked.at(-1), [on]);
});

test("LocalUnits: what was launched is remembered for the same run of systemd only", async () => {
  const units = await unitsWith(on, off);
  assert.deepEqual([units.get(on)?.launched, units.get(off)?.launched], [true, false]);
  const files = new MemoryUnitFiles();
  await files.write(on, "", undefined);
  await files.writeLaunched({ systemdRun: "1", launched: [on], runs: {} });
  assert.equal((await LocalUnits.open(files, "2")).get(on)?.launched, false);
});

test("LocalUnits.record(): of two at once the newer one stays, however long each write takes", async () => {
  const files = new MemoryUnitFiles();
  for (const name of [on, off]) await files.write(name, "", undefined);
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  const write = files.writeLaunched.bind(files);
  let writes = 0;
  files.writeLaunched = async (record) => {
    await gates[writes++ === 0 ? 0 : 1].promise;
    await write(record);
  };
  const units = await LocalUnits.open(files, "1");
  units.setLaunched(on, 1);
  const first = units.record();
  await Promise.resolve();
  units.setLaunched(off, 1);
  const second = units.record();
  gates[1].resolve();
  await Promise.resolve();
  gates[0].resolve();
  await Promise.all([first, second]);
  assert.deepEqual((await files.readLaunched())?.launched, [off, on].sort());
});

test("LocalUnits.recordAgain() writes down what the disk had no room for", async () => {
  const files = new MemoryUnitFiles();
  await files.write(on, "", undefined);
  const write = files.writeLaunched.bind(files);
  const full = async () => Promise.reject(new Fault("FILE_UNWRITABLE", "Cannot write: no space"));
  files.writeLaunched = full;
  const units = await LocalUnits.open(files, "1");
  units.setLaunched(on, 1);
  await assert.rejects(units.record(), { code: "FILE_UNWRITABLE" });
  await units.recordAgain();
  assert.equal(await files.readLaunched(), undefined);
  files.writeLaunched = write;
  await units.recordAgain();
  assert.deepEqual((await files.readLaunched())?.launched, [on]);
});
