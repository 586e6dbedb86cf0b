import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { type Backup, encodeBackup, parseBackup, storeOf } from "#keys/backup-file.ts";
import { takeSnapshot } from "#keys/core/snapshot.ts";
import { Store } from "#keys/core/store.ts";

function backupOf(values: readonly string[]): Backup {
  const store = new Store();
  for (const [at, value] of values.entries())
    store.apply({ op: "set", key: `/k${at}`, value, dir: false, timeMs: 0 });
  return {
    snapshot: { index: values.length, chunks: [...takeSnapshot(store)] },
    term: 3,
    takenAt: "2026-01-01T00:00:00.000Z",
    origin: { name: "one", clusterId: "c", memberId: "m" },
  };
}

function bytesOf(backup: Backup): Buffer {
  return Buffer.from([...encodeBackup(backup)].join(""));
}

test("a backup is read as it was written, whatever the values are", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" })), (values) => {
      const backup = backupOf(values);
      const read = parseBackup(bytesOf(backup), "file");
      assert.deepEqual(read, backup);
      assert.equal(storeOf(read, "file").index, 3 + values.length);
    }),
    { numRuns: 100 },
  );
});

test("a backup that was cut short or changed anywhere is refused", () => {
  const sound = bytesOf(backupOf(["one", "two\nlines", "three"]));
  const refused = (bytes: Uint8Array, what: string) =>
    assert.throws(() => parseBackup(bytes, "file"), { code: "RECORD_MALFORMED" }, what);
  for (let length = 0; length < sound.length; length++)
    refused(sound.subarray(0, length), `cut to ${length}`);
  for (let at = 0; at < sound.length; at++) {
    const damaged = Buffer.from(sound);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
    refused(damaged, `byte ${at}`);
  }
});

test("a reader of backups throws nothing but its own fault", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.throws(() => parseBackup(bytes, "file"), Fault);
    }),
  );
});
