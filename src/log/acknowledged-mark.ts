import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { isErrno } from "#base/fault.ts";

const SIZE_BYTES = 32;

/**
 * A file beside the log that says up to which index entries were acknowledged. It is written after an entry is durable
 * and before anybody is told, without waiting for the disk: what it says is always true, if perhaps a little old after
 * a power cut. A log that ends before it has lost acknowledged entries to damage, which else would pass for a write
 * that a crash cut short.
 */
export class AcknowledgedMark implements Disposable {
  readonly #file: number;
  readonly #bytes = Buffer.alloc(SIZE_BYTES);

  constructor(path: string) {
    this.#file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  }

  /** The newest index that `path` says was acknowledged; 0 when there is no such file, or it is damaged itself. */
  static read(path: string): number {
    try {
      const [index = "", sum] = readFileSync(path, "latin1").trim().split(" ");
      return sum === sumOf(index) ? Number(index) : 0;
    } catch (error) {
      if (isErrno(error, "ENOENT")) return 0;
      throw error;
    }
  }

  set(index: number): void {
    this.#bytes.fill(" ");
    this.#bytes.write(`${index} ${sumOf(String(index))}`, "latin1");
    this.#bytes.write("\n", SIZE_BYTES - 1);
    try {
      writeSync(this.#file, this.#bytes, 0, SIZE_BYTES, 0);
    } catch {
      // What it said before is still true.
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
  }
}

function sumOf(index: string): string {
  return crc32(index).toString(16);
}
