import { chmodSync, closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { LogEntry, LogSnapshot } from "#log/core/log.ts";
import { corrupt } from "#log/log-faults.ts";
import { isDamagedInside } from "#log/wal-damage.ts";

/** `PRAGMA user_version` of databases that this version reads and writes. */
const FORMAT = 1;

/**
 * `entries.crc` is the CRC-32 of the entry's data chained on the one before, so that a changed, missing or swapped
 * entry breaks the chain; `snapshots.chain` is where the chain stood at the snapshot, `snapshots.crc` covers the row
 * and its chunks. A snapshot counts from when its row in `snapshots` is there; older rows of all tables are left-overs.
 */
const SCHEMA = `
  CREATE TABLE meta (term INTEGER NOT NULL);
  INSERT INTO meta VALUES (1);
  CREATE TABLE entries (idx INTEGER PRIMARY KEY, crc INTEGER NOT NULL, data TEXT NOT NULL);
  CREATE TABLE snapshots (
    idx INTEGER PRIMARY KEY, chain INTEGER NOT NULL, chunks INTEGER NOT NULL, crc INTEGER NOT NULL);
  CREATE TABLE chunks (
    idx INTEGER NOT NULL, seq INTEGER NOT NULL, data TEXT NOT NULL, PRIMARY KEY (idx, seq));
  PRAGMA user_version = ${FORMAT};
`;

/** What a database holds, checked. */
export interface LogContent {
  readonly term: number;
  readonly snapshot: LogSnapshot | undefined;
  /** What follows the snapshot. */
  readonly entries: readonly LogEntry[];
  /** The index of the last entry there ever was. */
  readonly last: number;
  /** The checksum chain at the end. */
  readonly chain: number;
  /** What is wrong behind the last entry, when that was to be left out. */
  readonly damage?: string;
}

export interface ReadOptions {
  /** Where the log really is, for errors; default the path. */
  readonly shownAs?: string;
  /** Rather than to refuse a damaged log, take what comes before the damage. */
  readonly isDamagedTaken?: boolean;
}

/** Opens for one process to write, and only for its user to read; creates what is missing. */
export function openForWriting(path: string): DatabaseSync {
  const db = openPrivately(path);
  try {
    // Exclusive: SQLite then keeps the file locked until it is closed or the process ends, however it ends.
    db.exec(
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
    );
    if (formatOf(db) === 0) db.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** How often the log was opened for writing, and 1. */
export function termOf(db: DatabaseSync): number {
  return Number(row(db, "SELECT term FROM meta")?.["term"] ?? 1);
}

/** SQLite gives the files it makes beside a database the mode of that one. */
export function openPrivately(path: string): DatabaseSync {
  closeSync(openSync(path, "a", 0o600));
  chmodSync(path, 0o600);
  return new DatabaseSync(path);
}

/**
 * Reads and checks everything without changing a file. Entries from `refusedFrom` on are left out.
 * @throws {Fault} LOG_CORRUPT, or SQLite's errors
 */
export function readLog(
  path: string,
  refusedFrom: number,
  { shownAs = path, isDamagedTaken = false }: ReadOptions = {},
): LogContent {
  const wal = `${path}-wal`;
  if (!isDamagedTaken && existsSync(wal) && isDamagedInside(readFileSync(wal)))
    throw corrupt(`${shownAs}-wal`, "entries were committed behind a damaged place");
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    const format = formatOf(db);
    if (format === 0) return { term: 1, snapshot: undefined, entries: [], last: 0, chain: 0 };
    if (format !== FORMAT) throw corrupt(shownAs, `its format ${format} is not ${FORMAT}`);
    const checked = row(db, "PRAGMA quick_check")?.["quick_check"];
    if (checked !== "ok" && !isDamagedTaken) throw corrupt(shownAs, failedCheck(String(checked)));
    const { snapshot, chain } = readSnapshot(db, shownAs);
    const after = snapshot?.index ?? 0;
    const found = readEntries(db, { after, before: refusedFrom, chain });
    if (found.damage && !isDamagedTaken) throw corrupt(shownAs, found.damage);
    return { term: termOf(db), snapshot, ...found, last: after + found.entries.length };
  } finally {
    db.close();
  }
}

/** The checksum of a snapshot before its chunks are added, each chained on the one before. */
export function snapshotSeed(index: number, chain: number): number {
  return crc32(`${index} ${chain}`);
}

function readSnapshot(
  db: DatabaseSync,
  path: string,
): { readonly snapshot: LogSnapshot | undefined; readonly chain: number } {
  const found = row(db, "SELECT * FROM snapshots ORDER BY idx DESC LIMIT 1");
  if (found === undefined) return { snapshot: undefined, chain: 0 };
  const index = Number(found["idx"]);
  const chain = Number(found["chain"]);
  const select = db.prepare("SELECT seq, data FROM chunks WHERE idx = ? ORDER BY seq");
  const chunks: string[] = [];
  let crc = snapshotSeed(index, chain);
  for (const { seq, data } of select.iterate(index)) {
    if (seq !== chunks.length) break;
    crc = crc32(String(data), crc);
    chunks.push(String(data));
  }
  if (chunks.length !== found["chunks"] || crc !== found["crc"])
    throw corrupt(path, `its snapshot at index ${index} is damaged`);
  return { snapshot: { index, chunks }, chain };
}

/** The entries up to the first that is damaged or missing, if one is. */
function readEntries(
  db: DatabaseSync,
  from: { readonly after: number; readonly before: number; readonly chain: number },
): Pick<LogContent, "entries" | "chain" | "damage"> {
  const select = db.prepare(
    "SELECT idx, crc, data FROM entries WHERE idx > ? AND idx < ? ORDER BY idx",
  );
  const entries: LogEntry[] = [];
  let chain = from.chain;
  let index = from.after;
  for (const found of select.iterate(from.after, from.before)) {
    index += 1;
    if (found["idx"] !== index)
      return { entries, chain, damage: `the entry at index ${index} is missing` };
    const data = String(found["data"]);
    const next = crc32(data, chain);
    if (next !== found["crc"])
      return { entries, chain, damage: `the entry at index ${index} is damaged` };
    chain = next;
    entries.push({ index, data });
  }
  return { entries, chain };
}

/** In words. The check tells many lines; those in asterisks only name the database within the connection. */
function failedCheck(findings: string): string {
  const first = findings.split("\n").find((line) => !line.startsWith("***"));
  return `the database's own check of it failed (${first ?? findings})`;
}

function formatOf(db: DatabaseSync): number {
  return Number(row(db, "PRAGMA user_version")?.["user_version"]);
}

function row(db: DatabaseSync, sql: string): Record<string, unknown> | undefined {
  return db.prepare(sql).get();
}
