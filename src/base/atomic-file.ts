import { randomBytes } from "node:crypto";
import { open, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { Fault, reasonOf } from "#base/fault.ts";
import { makeDirectory } from "#base/make-directory.ts";

export interface FileOptions {
  /** Permission bits; default 0o644. */
  readonly mode?: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/**
 * Writes a file so that a reader or a crash sees the old one or the new one, never a part of it;
 * mode and owner are right from the start. Missing parent directories are made.
 * @throws {Fault} FILE_UNWRITABLE
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  options: FileOptions = {},
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}.new`;
  const mode = options.mode ?? 0o644;
  try {
    makeDirectory(dirname(path));
    await using file = await open(temporary, "wx", 0o600);
    if (options.owner) await file.chown(options.owner.uid, options.owner.gid);
    await file.writeFile(content);
    await file.chmod(mode); // after these: both may take setuid and setgid away, chown(2), write(2)
    await file.sync();
    await rename(temporary, path);
  } catch (cause) {
    await unlink(temporary).catch(() => {});
    throw new Fault("FILE_UNWRITABLE", `Cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}
