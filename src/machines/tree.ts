import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "#base/atomic-file.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { baseTree } from "#machines/core/base-tree.ts";
import type { Machine } from "#machines/core/machine.ts";

/**
 * Writes what a machine brings along into its root directory; what it has of its own stays.
 * @throws {Fault} FILE_UNWRITABLE
 */
export async function layOutTree(root: string, machine: Machine, program: string): Promise<void> {
  for (const directory of ["var/log/journal", "var/lib", "home/core", "etc/systemd/system"])
    await makeDirectory(join(root, directory));
  await makeDirectory(join(root, "run"), 0o700);
  for (const { path, content } of baseTree({ machine, root, program }))
    await writeFileAtomic(join(root, path), content);
}

/** Also makes what is missing above it. @throws {Fault} FILE_UNWRITABLE */
async function makeDirectory(path: string, mode = 0o755): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode });
  } catch (cause) {
    throw new Fault(
      "FILE_UNWRITABLE",
      `Cannot make ${path}: ${reasonOf(cause)}; set KEELSON_STATE to a directory of yours`,
      { cause },
    );
  }
}
