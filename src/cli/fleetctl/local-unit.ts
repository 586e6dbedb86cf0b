import { readFile, stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { parseUnitFile } from "#unitfile/core/parse-unit-file.ts";
import type { UnitFile } from "#unitfile/core/unit-file.ts";

/** A unit file on this machine. */
export interface LocalUnit {
  /** As the person wrote it. */
  readonly path: string;
  readonly file: UnitFile;
}

/** For the end of a message. */
export const IS_DIRECTORY = "it is a directory; name the unit files in it";

/** Whether `path`, which may be relative to `directory`, is a directory itself. */
export async function isDirectory(path: string, directory: string): Promise<boolean> {
  try {
    return (await stat(resolve(directory, path))).isDirectory();
  } catch {
    return false; // what cannot be looked at is none that a person could mean
  }
}

/**
 * Reads the unit file at `path`, which may be relative to `directory`; undefined when there is none.
 * @throws {Fault} UNIT_FILE_INVALID naming file and line, FILE_UNREADABLE
 */
export async function readLocalUnit(
  path: string,
  directory: string,
): Promise<LocalUnit | undefined> {
  let text: string;
  try {
    text = await readFile(resolve(directory, path), "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT") || isErrno(cause, "ENOTDIR")) return undefined;
    const why = isErrno(cause, "EISDIR") ? IS_DIRECTORY : reasonOf(cause);
    throw new Fault("FILE_UNREADABLE", `Cannot read unit file ${path}: ${why}`, { cause });
  }
  return { path, file: parseUnitFile(text, basename(path)) };
}
