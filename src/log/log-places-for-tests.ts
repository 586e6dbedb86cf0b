import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import type { Log } from "#log/core/log.ts";
import { EmbeddedLog } from "#log/embedded-log.ts";
import { collect, readerOf } from "#log/log-conformance.ts";

const places: string[] = [];
const mounts: string[] = [];
after(() => {
  for (const mount of mounts) execFileSync("umount", [mount]);
  for (const place of places) rmSync(place, { recursive: true, force: true });
});

export function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), "keelson-log-"));
  places.push(directory);
  return directory;
}

/** A file system of its own that a test may fill. */
export function smallDisk(): string {
  const directory = temporary();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", directory]);
  mounts.push(directory);
  return directory;
}

export function fill(disk: string): void {
  for (const size of [1 << 16, 1 << 12])
    for (let at = 0; ; at++)
      try {
        writeFileSync(join(disk, `filler-${size}-${at}`), Buffer.alloc(size));
      } catch {
        break;
      }
}

export function empty(disk: string): void {
  for (const name of readdirSync(disk)) if (name.startsWith("filler")) rmSync(join(disk, name));
}

export function dataOf(log: Log): string[] {
  const data: string[] = [];
  log.start(readerOf((entries) => data.push(...entries.map((entry) => entry.data))));
  return data;
}

export async function filled(count: number): Promise<string> {
  const directory = temporary();
  await using log = EmbeddedLog.open(directory);
  collect(log);
  for (let at = 1; at <= count; at++) await log.append(`entry ${at}`);
  return directory;
}
