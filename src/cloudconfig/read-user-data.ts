import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import type { Gunzip } from "./core/decode-files.ts";

/** Clouds allow 16 to 64 KiB; a file may carry more, but this much is a mistake. */
const USER_DATA_BYTES_MAX = 16 * 1024 * 1024;
/** What compressed data may unfold to. */
const UNFOLDED_BYTES_MAX = 64 * 1024 * 1024;

export const gunzip: Gunzip = (data) => gunzipSync(data, { maxOutputLength: UNFOLDED_BYTES_MAX });

/** All of the standard input. @throws {Fault} FILE_UNREADABLE */
export async function readStdin(stdin: Readable): Promise<Uint8Array> {
  try {
    return await collect(stdin);
  } catch (cause) {
    throw unreadable("user-data from the standard input", reasonOf(cause), cause);
  }
}

/**
 * User-data as text; it may be compressed with gzip.
 * @param name what errors call it, such as its file
 * @throws {Fault} FILE_UNREADABLE
 */
export function decodeUserData(octets: Uint8Array, name: string): string {
  try {
    const plain = isGzip(octets) ? gunzip(octets) : octets;
    return new TextDecoder("utf-8", { fatal: true }).decode(plain);
  } catch (cause) {
    const reason = cause instanceof TypeError ? "it is not UTF-8 text" : reasonOf(cause);
    throw unreadable(`user-data from ${name}`, reason, cause);
  }
}

export function isGzip(octets: Uint8Array): boolean {
  return octets[0] === 0x1f && octets[1] === 0x8b; // RFC 1952 section 2.3.1
}

/**
 * A file's content; undefined when it is not there.
 * @throws {Fault} FILE_UNREADABLE
 */
export async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    await using file = await open(path);
    return await collect(file.createReadStream({ autoClose: false }));
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw unreadable(path, reasonOf(cause), cause);
  }
}

function unreadable(what: string, reason: string, cause?: unknown): Fault {
  return new Fault("FILE_UNREADABLE", `Cannot read ${what}: ${reason}`, { cause });
}

/**
 * All of a stream.
 * @throws {RangeError} when it is longer than user-data may be
 */
export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > USER_DATA_BYTES_MAX)
      throw new RangeError(`it is larger than ${USER_DATA_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
