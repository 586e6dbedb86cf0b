import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { Fault, reasonOf } from "#base/fault.ts";
import { makeDataDirectory } from "#base/make-directory.ts";
import { openPrivately } from "#log/log-database.ts";
import { isBusy } from "#log/log-faults.ts";

/** Keeps a directory for one process, however that ends: by SQLite, since Node has no file locks of its own. */
export class DirectoryLock implements Disposable {
  readonly #db: DatabaseSync;

  /**
   * The directory is made when missing.
   * @throws {Fault} ADDRESS_IN_USE when another process has it, FILE_UNWRITABLE
   */
  constructor(directory: string) {
    const holder = join(directory, "lock-holder");
    makeDataDirectory(directory);
    let db: DatabaseSync | undefined;
    try {
      db = openPrivately(join(directory, "lock"));
      db.exec(
        "PRAGMA journal_mode = OFF; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT",
      );
      writeFileSync(holder, `${process.pid}\n`, { mode: 0o600 });
      this.#db = db;
    } catch (cause) {
      db?.close();
      if (isBusy(cause))
        throw new Fault(
          "ADDRESS_IN_USE",
          `Cannot use the data directory ${directory}: process ${readFileSync(holder, "utf8").trim()} uses it; stop that process or choose another directory`,
        );
      throw new Fault("FILE_UNWRITABLE", `Cannot use ${directory}: ${reasonOf(cause)}`, { cause });
    }
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
