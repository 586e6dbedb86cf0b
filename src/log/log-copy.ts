import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { Fault } from "#base/fault.ts";
import { makeDataDirectory } from "#base/make-directory.ts";
import { AcknowledgedMark } from "#log/acknowledged-mark.ts";
import type { LogSnapshot } from "#log/core/log.ts";
import {
  type LogContent,
  openForWriting,
  type ReadOptions,
  readLog,
  snapshotSeed,
} from "#log/log-database.ts";
import { beyondUse, databaseFault, lostEnd } from "#log/log-faults.ts";
import { RefusedMark } from "#log/refused-mark.ts";

/** A copy is torn only when the log's writer tidied up in that very moment. */
const TRIES = 10;
const TRY_AGAIN_MS = 200;

/**
 * What an embedded log in `directory` holds, whether or not somebody writes to it: read from a copy, which is good when
 * every checksum is right and nothing is missing that was acknowledged before; or as far as it is good, with what is
 * wrong behind that. The directory is not changed.
 * @throws {Fault} FILE_UNREADABLE when there is no log, LOG_CORRUPT, LOG_IO
 */
export async function readLogCopy(
  directory: string,
  { isDamagedTaken = false }: Pick<ReadOptions, "isDamagedTaken"> = {},
): Promise<LogContent> {
  const shownAs = join(directory, "log.db");
  if (!existsSync(join(directory, "log.db")))
    throw new Fault(
      "FILE_UNREADABLE",
      `Cannot read the log in ${directory}: there is no log.db; name the data directory of a member that keeps its own log`,
    );
  for (let tries = 1; ; tries++) {
    const until = AcknowledgedMark.read(join(directory, "acknowledged"));
    const copy = mkdtempSync(join(tmpdir(), "keelson-copy-"));
    try {
      for (const name of ["log.db", "log.db-wal", "refused"])
        if (existsSync(join(directory, name))) cpSync(join(directory, name), join(copy, name));
      const refused = new RefusedMark(join(copy, "refused")).read();
      const content = readLog(join(copy, "log.db"), refused, { shownAs, isDamagedTaken });
      if (content.last >= until) return content;
      if (!isDamagedTaken) throw lostEnd(shownAs, content.last, until);
      const damage = `the entries up to index ${until} that were acknowledged are missing`;
      return { damage, ...content };
    } catch (error) {
      const fault = databaseFault(shownAs, error);
      if (fault.code !== "LOG_CORRUPT") throw fault;
      if (tries >= TRIES) throw isDamagedTaken ? beyondUse(shownAs, fault) : fault;
    } finally {
      rmSync(copy, { recursive: true, force: true });
    }
    await sleep(TRY_AGAIN_MS);
  }
}

/**
 * Makes a log in `directory`, which has none, that begins with a snapshot.
 * @throws {Fault} LOG_IO, FILE_UNWRITABLE
 */
export function writeNewLog(directory: string, { index, chunks }: LogSnapshot, term: number): void {
  const path = join(directory, "log.db");
  makeDataDirectory(directory);
  try {
    using db = openForWriting(path);
    db.exec("BEGIN IMMEDIATE");
    const insert = db.prepare("INSERT INTO chunks (idx, seq, data) VALUES (?, ?, ?)");
    const noEntries = 0; // where the chain of the entries before would stand
    let crc = snapshotSeed(index, noEntries);
    for (const [at, chunk] of chunks.entries()) {
      crc = crc32(chunk, crc);
      insert.run(index, at, chunk);
    }
    db.prepare("INSERT INTO snapshots (idx, chain, chunks, crc) VALUES (?, ?, ?, ?)").run(
      index,
      noEntries,
      chunks.length,
      crc,
    );
    db.prepare("UPDATE meta SET term = ?").run(term);
    db.exec("COMMIT");
  } catch (error) {
    throw databaseFault(path, error);
  }
}
