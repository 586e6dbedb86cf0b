import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";

/**
 * Makes a directory and what is missing above it; one that is there stays as it is. Used instead of Node's recursive
 * mkdir, which never ends, and heeds no signal, where a parent says ENOENT for good, such as /proc.
 * @throws the system's error, or one that says what is no directory
 */
export function makeDirectory(path: string, mode = 0o777): void {
  for (const directory of missingOf(path)) {
    try {
      mkdirSync(directory, mode);
    } catch (error) {
      if (!isErrno(error, "EEXIST") || !isDirectory(directory)) throw error; // else another process was faster
    }
  }
}

/** @throws {Fault} FILE_UNWRITABLE */
export function makeDataDirectory(path: string): void {
  try {
    makeDirectory(path, 0o700);
  } catch (cause) {
    throw unusable("make", path, cause);
  }
}

/**
 * Whether it may be made is seen when it is.
 * @throws {Fault} FILE_UNWRITABLE when it, or what it should be in, is no directory.
 */
export function checkDataDirectory(path: string): void {
  try {
    missingOf(path);
  } catch (cause) {
    throw unusable("use", path, cause);
  }
}

/** The directories to make, the outermost first. */
function missingOf(path: string): readonly string[] {
  const missing: string[] = [];
  let there = resolve(path);
  for (; statSync(there, { throwIfNoEntry: false }) === undefined; there = dirname(there))
    missing.unshift(there);
  if (!isDirectory(there)) throw new Error(`${there} is not a directory`);
  return missing;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function unusable(verb: string, path: string, cause: unknown): Fault {
  return new Fault(
    "FILE_UNWRITABLE",
    `Cannot ${verb} the data directory ${path}: ${reasonOf(cause)}; choose another one, or mend that`,
    { cause },
  );
}
