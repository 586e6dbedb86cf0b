import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { corrupt } from "#log/log-faults.ts";

const SIZE_BYTES = 32;
const NONE = "none";

/**
 * A file beside the log that says from which index on entries were refused. A write that failed may have reached the
 * disk all the same; whoever was told no must never see it appear. The file is made before it is needed and always
 * written in place, since that needs no space on a full disk.
 */
export class RefusedMark {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /**
   * The first refused index, Infinity when there is none.
   * @throws {Fault} LOG_CORRUPT
   */
  read(): number {
    if (!existsSync(this.#path)) return Number.POSITIVE_INFINITY;
    const text = readFileSync(this.#path, "latin1").trim();
    if (text === NONE) return Number.POSITIVE_INFINITY;
    if (!/^\d{1,15}$/.test(text)) throw corrupt(this.#path, `it says "${text.slice(0, 40)}"`);
    return Number(text);
  }

  clear(): void {
    const isNew = !existsSync(this.#path);
    this.#write(NONE, isNew ? "w" : "r+");
    if (isNew) syncDirectory(dirname(this.#path));
  }

  set(index: number): void {
    this.#write(String(index), "r+");
  }

  #write(text: string, flags: "w" | "r+"): void {
    const file = openSync(this.#path, flags, 0o600);
    try {
      writeSync(file, text.padEnd(SIZE_BYTES - 1).concat("\n"), 0, "latin1");
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
