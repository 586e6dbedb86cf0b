import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  constants,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "#base/fault.ts";
import { EmbeddedLog } from "#log/embedded-log.ts";
import { collect, type LogPlace, testLogConformance } from "#log/log-conformance.ts";
import { dataOf, empty, fill, filled, smallDisk, temporary } from "./log-places-for-tests.ts";

function newPlace(): LogPlace {
  const disk = smallDisk();
  let directory = join(disk, "1");
  return {
    open() {
      empty(disk);
      return EmbeddedLog.open(directory);
    },
    async crash(log) {
      // What kill -9 leaves is the files as they are; the process lives on to run the test, with a copy.
      const copy = `${directory}+`;
      cpSync(directory, copy, { recursive: true });
      directory = copy;
      await log[Symbol.asyncDispose]();
    },
    fail() {
      fill(disk);
      return true;
    },
  };
}

/** Node's arguments before a program of ours in text. */
const SOURCE = ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e"];

/** SQLite's default size of a page. */
const PAGE_BYTES = 4096;

testLogConformance("embedded log", newPlace);

test("the term counts the openings, from 2", async () => {
  const directory = await filled(1);
  await using log = EmbeddedLog.open(directory);
  assert.equal(log.term, 3);
});

test("a second process, or a second log, is told who holds the directory", async () => {
  const directory = temporary();
  await using log = EmbeddedLog.open(directory);
  collect(log);
  await log.append("a");
  assert.throws(() => EmbeddedLog.open(directory), {
    code: "ADDRESS_IN_USE",
    message: new RegExp(
      `Cannot use the data directory ${directory}: process ${process.pid} uses it`,
    ),
  });
  await log.append("b");
});

test("nobody else may read the files, wherever they are", async () => {
  const directory = temporary();
  chmodSync(directory, 0o755);
  writeFileSync(join(directory, "log.db"), "", { mode: 0o644 }); // as an earlier version made it
  await using log = EmbeddedLog.open(directory);
  collect(log);
  await log.append("secret");
  const names = readdirSync(directory);
  assert.ok(names.includes("log.db-wal"), names.join());
  for (const name of names)
    assert.equal(statSync(join(directory, name)).mode & 0o077, 0, `${name} is private`);
});

test("what another process wrote between the reading and the locking stays", async () => {
  const directory = await filled(1);
  const mark = join(directory, "acknowledged");
  const kept = readFileSync(mark);
  unlinkSync(mark);
  execFileSync("mkfifo", [mark]); // holds the opener behind its reading
  const opening = spawn(
    process.execPath,
    [
      ...SOURCE,
      `import { EmbeddedLog } from "#log/embedded-log.ts"; EmbeddedLog.open(process.argv[1]);`,
      directory,
    ],
    { stdio: ["ignore", "ignore", "inherit"], cwd: join(import.meta.dirname, "../..") },
  );
  const ended = once(opening, "exit");
  // A FIFO opens for writing without waiting once somebody waits to read it.
  let fifo: number | undefined;
  while (fifo === undefined)
    try {
      fifo = openSync(mark, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      assert.ok(isErrno(error, "ENXIO"), String(error));
      await sleep(20);
    }
  unlinkSync(mark);
  writeFileSync(mark, kept);
  {
    await using log = EmbeddedLog.open(directory);
    collect(log);
    await log.append("between");
  }
  writeSync(fifo, kept);
  closeSync(fifo);
  assert.deepEqual(await ended, [0, null]);
  await using log = EmbeddedLog.open(directory);
  assert.deepEqual(dataOf(log), ["entry 1", "between"]);
});

const DAMAGES = [
  ["a changed entry", "UPDATE entries SET data = 'Entry 3' WHERE idx = 3", /index 3 is damaged/],
  ["a missing entry", "DELETE FROM entries WHERE idx = 3", /index 3 is missing/],
  [
    "swapped entries",
    `UPDATE entries SET data = CASE idx WHEN 3 THEN 'entry 4' ELSE 'entry 3' END,
     crc = (SELECT crc FROM entries e WHERE e.idx = 7 - entries.idx) WHERE idx IN (3, 4)`,
    /index 3 is damaged/,
  ],
  ["a missing table", "DROP TABLE chunks; DROP TABLE entries", /no such table/],
  ["a newer format", "PRAGMA user_version = 9", /format 9/],
] as const;
for (const [name, sql, message] of DAMAGES)
  test(`open() refuses ${name} and changes nothing`, async () => {
    const directory = await filled(9);
    const db = new DatabaseSync(join(directory, "log.db"));
    db.exec(sql);
    db.close();
    const before = readFileSync(join(directory, "log.db"));
    assert.throws(() => EmbeddedLog.open(directory), { code: "LOG_CORRUPT", message });
    assert.deepEqual(readFileSync(join(directory, "log.db")), before);
  });

test("open() refuses a damaged snapshot", async () => {
  const directory = await filled(9);
  {
    await using log = EmbeddedLog.open(directory);
    collect(log);
    await log.saveSnapshot(5, ["one", "two"]);
  }
  const db = new DatabaseSync(join(directory, "log.db"));
  db.exec("UPDATE chunks SET data = 'two!' WHERE seq = 1");
  db.close();
  assert.throws(() => EmbeddedLog.open(directory), {
    code: "LOG_CORRUPT",
    message: /snapshot at index 5 is damaged/,
  });
});

test("open() says in words that the database's own check failed", async () => {
  const directory = await filled(300);
  const path = join(directory, "log.db");
  const damaged = readFileSync(path);
  const page = Math.floor(damaged.indexOf("entry 150") / PAGE_BYTES) * PAGE_BYTES;
  damaged[page] = 0xff; // no kind of page
  writeFileSync(path, damaged);
  const start = `Cannot trust the log ${path}: the database's own check of it failed (Tree `;
  assert.throws(
    () => EmbeddedLog.open(directory),
    ({ message }: Error) =>
      message.startsWith(start) &&
      message.endsWith(
        'nothing was changed: restore a backup into another directory with "keelson etcd2 restore", or take what comes before the damage with "keelson etcd2 backup --damaged"',
      ) &&
      !/[*\n]/.test(message),
  );
});

test("open() of a damaged database either holds every entry or is refused", async () => {
  const directory = await filled(300);
  const path = join(directory, "log.db");
  const sound = readFileSync(path);
  const expected = Array.from({ length: 300 }, (_, at) => `entry ${at + 1}`);
  let refused = 0;
  for (let at = 0; at < 100; at++) {
    const damaged = Buffer.from(sound);
    const offset = Math.floor((at * sound.length) / 100);
    damaged[offset] = (damaged[offset] ?? 0) ^ (1 << (at % 8));
    const copy = temporary();
    writeFileSync(join(copy, "log.db"), damaged);
    try {
      await using log = EmbeddedLog.open(copy);
      assert.deepEqual(dataOf(log), expected, `byte ${offset}`);
    } catch (error) {
      assert.equal(
        (error as { code?: string }).code,
        "LOG_CORRUPT",
        `byte ${offset}: ${String(error)}`,
      );
      refused += 1;
    }
  }
  assert.ok(refused > 10, `only ${refused} refused`);
});

test("open() refuses a write-ahead log that is damaged inside, and takes a torn end for one", async () => {
  const directory = temporary();
  await using log = EmbeddedLog.open(directory);
  collect(log);
  for (let at = 1; at <= 60; at++) await log.append(`entry ${at}`);
  const wal = readFileSync(join(directory, "log.db-wal"));
  const copyWith = (content: Uint8Array): string => {
    const copy = temporary();
    cpSync(join(directory, "log.db"), join(copy, "log.db"));
    writeFileSync(join(copy, "log.db-wal"), content);
    return copy;
  };
  for (let offset = 1; offset < wal.length * 0.9; offset += 10_007) {
    const damaged = Buffer.from(wal);
    damaged[offset] = (damaged[offset] ?? 0) ^ 16;
    const copy = copyWith(damaged);
    try {
      await using found = EmbeddedLog.open(copy);
      assert.equal(dataOf(found).length, 60, `byte ${offset}`);
    } catch (error) {
      assert.equal(
        (error as { code?: string }).code,
        "LOG_CORRUPT",
        `byte ${offset}: ${String(error)}`,
      );
    }
  }
  await using torn = EmbeddedLog.open(copyWith(wal.subarray(0, wal.length - 100)));
  assert.deepEqual(
    dataOf(torn),
    Array.from({ length: 59 }, (_, at) => `entry ${at + 1}`),
  );
});

test("open() tells the loss of what was acknowledged from a write that a crash cut short", async () => {
  const directory = temporary();
  await using log = EmbeddedLog.open(directory);
  collect(log);
  for (let at = 1; at <= 9; at++) await log.append(`entry ${at}`);
  const wal = readFileSync(join(directory, "log.db-wal"));
  const copyWith = (content: Uint8Array): string => {
    const copy = temporary();
    cpSync(directory, copy, { recursive: true });
    writeFileSync(join(copy, "log.db-wal"), content);
    return copy;
  };
  const flipped = Buffer.from(wal);
  flipped[wal.length - 50] = (flipped.at(-50) ?? 0) ^ 1;
  for (const damaged of [flipped, wal.subarray(0, wal.length - 100), wal.subarray(0, 40)])
    assert.throws(() => EmbeddedLog.open(copyWith(damaged)), {
      code: "LOG_CORRUPT",
      message: /it ends at entry \d, but entry 9 was acknowledged/,
    });
  // The next write reached the disk in part, and nobody was told of it.
  const next = wal.subarray(wal.length - 2 * (PAGE_BYTES + 24), wal.length - 2000);
  await using torn = EmbeddedLog.open(copyWith(Buffer.concat([wal, next])));
  assert.equal(dataOf(torn).length, 9);
});

test("a damaged mark of what was acknowledged says nothing", async () => {
  const directory = await filled(3);
  writeFileSync(join(directory, "acknowledged"), "9 0badbad\n");
  await using log = EmbeddedLog.open(directory);
  assert.equal(dataOf(log).length, 3);
});

test("a full disk: writes are refused, and go on by themselves when there is space", async () => {
  const disk = smallDisk();
  const directory = join(disk, "1");
  {
    await using log = EmbeddedLog.open(directory);
    const seen = collect(log);
    await log.append("a");
    fill(disk);
    const big = "x".repeat(100_000);
    await assert.rejects(log.append(big), { code: "LOG_IO", message: /go on by themselves/ });
    await assert.rejects(log.append("small"), { code: "LOG_IO" });
    assert.ok(log.fault);
    empty(disk);
    while (log.fault) await sleep(20);
    assert.equal(await log.append("b"), 2);
    assert.equal(seen.length, 2);
  }
  await using log = EmbeddedLog.open(directory);
  assert.deepEqual(dataOf(log), ["a", "b"]);
});

test("open() says what is so when the disk is full", async () => {
  const disk = smallDisk();
  mkdirSync(join(disk, "1"));
  fill(disk);
  assert.throws(() => EmbeddedLog.open(join(disk, "1")), { code: "LOG_IO", message: /full|I\/O/ });
});
