import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { Fault, isErrno } from "#base/fault.ts";
import { NO_METADATA, type SourceMetadata } from "../core/source-metadata.ts";
import { readIfThere, readStdin } from "../read-user-data.ts";
import { AVAILABLE, type Availability, type UserDataSource } from "./source.ts";

export const FILE_TYPE = "local-file";

/** A file with user-data in it. */
export class FileSource implements UserDataSource {
  readonly type = FILE_TYPE;
  readonly mayAppear = true;
  readonly place: string;

  constructor(path: string) {
    this.place = path;
  }

  availability(): Promise<Availability> {
    return isThere(this.place);
  }

  async fetchUserData(): Promise<Uint8Array> {
    const content = await readIfThere(this.place);
    if (content !== undefined) return content;
    throw new Fault("FILE_UNREADABLE", `Cannot read user-data from ${this.place}: it is gone`);
  }

  fetchMetadata(): Promise<SourceMetadata> {
    return Promise.resolve(NO_METADATA);
  }
}

/** User-data on the standard input, which the original does not have. */
export class StdinSource implements UserDataSource {
  readonly type = "standard-input";
  readonly place = "-";
  readonly mayAppear = false;
  readonly #stdin: Readable;

  constructor(stdin: Readable) {
    this.#stdin = stdin;
  }

  availability(): Promise<Availability> {
    return Promise.resolve(AVAILABLE);
  }

  fetchUserData(): Promise<Uint8Array> {
    return readStdin(this.#stdin);
  }

  fetchMetadata(): Promise<SourceMetadata> {
    return Promise.resolve(NO_METADATA);
  }
}

/**
 * As the original: only what is known not to be there is not available; what else is wrong is told when it is read.
 * @param what how the reason calls it
 */
export async function isThere(path: string, what = "it"): Promise<Availability> {
  try {
    await stat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return { available: false, reason: `${what} is not there` };
  }
  return AVAILABLE;
}
