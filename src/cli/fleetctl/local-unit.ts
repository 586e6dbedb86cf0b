import { readFile } from "node:fs/promises";
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
    throw new Fault("FILE_UNREADABLE", `Cannot read unit file ${path}: ${reasonOf(cause)}`, {
      cause,
    });
  }
  return { path, file: parseUnitFile(text, basename(path)) };
}
