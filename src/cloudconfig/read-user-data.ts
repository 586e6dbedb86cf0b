import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { gunzipSync } from "node:zlib";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Gunzip } from "./core/decode-files.ts";

/** Clouds allow 16 to 64 KiB; a file may carry more, but this much is a mistake. */
export const USER_DATA_BYTES_MAX = 16 * 1024 * 1024;
/** What compressed data may unfold to. */
const UNFOLDED_BYTES_MAX = 64 * 1024 * 1024;

export const gunzip: Gunzip = (data) => gunzipSync(data, { maxOutputLength: UNFOLDED_BYTES_MAX });

/**
 * Reads user-data from a file, or from `stdin` for `-`; it may be compressed with gzip.
 * @throws {Fault} FILE_UNREADABLE
 */
export async function readUserData(path: string, stdin: Readable): Promise<string> {
  const name = path === "-" ? "the standard input" : path;
  let octets: Uint8Array;
  try {
    octets = path === "-" ? await collect(stdin) : await readFileLimited(path);
    if (octets[0] === 0x1f && octets[1] === 0x8b) octets = gunzip(octets); // RFC 1952 section 2.3.1
    return new TextDecoder("utf-8", { fatal: true }).decode(octets);
  } catch (cause) {
    const reason = cause instanceof TypeError ? "it is not UTF-8 text" : reasonOf(cause);
    throw new Fault("FILE_UNREADABLE", `Cannot read user-data from ${name}: ${reason}`, { cause });
  }
}

async function readFileLimited(path: string): Promise<Uint8Array> {
  await using file = await open(path);
  return await collect(file.createReadStream({ autoClose: false }));
}

async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
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
