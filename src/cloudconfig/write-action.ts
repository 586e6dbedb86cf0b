import { lstat, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import { dirname } from "node:path";
import { writeFileAtomic } from "#base/atomic-file.ts";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { makeDirectory } from "#base/make-directory.ts";
import type { WriteAction } from "./core/action.ts";
import type { Outcome } from "./outcome.ts";
import { lookUpOwner, type Owner } from "./owner.ts";
import { pathInRoot } from "./root-path.ts";

const NULL_DEVICE = "/dev/null";

export async function applyWrite(action: WriteAction, root: string): Promise<Outcome> {
  const path = await pathInRoot(root, action.path);
  const mode = Number.parseInt(action.permissions, 8);
  const content = Buffer.from(action.content, action.encoding ?? "utf8");
  const wanted = action.owner === undefined ? undefined : await lookUpOwner(root, action.owner);
  const owner = wanted !== undefined && mayGiveTo(wanted) ? wanted : undefined;
  const note =
    wanted !== owner ? `owner ${action.owner} not set: only root may give files away` : undefined;
  if (await isAsWanted(path, content, mode, owner)) return { result: "unchanged", note };
  await writeFileAtomic(path, content, { mode, ...(owner === undefined ? {} : { owner }) });
  return { result: "done", note };
}

/** Makes `path` a link to /dev/null, whatever it was before. */
export async function applyMask(machinePath: string, root: string): Promise<Outcome> {
  const path = await pathInRoot(root, machinePath);
  const before = await lstat(path).catch(missing);
  if (before !== undefined && (await isMask(path))) return { result: "unchanged" };
  const temporary = `${path}.${process.pid}.new`;
  try {
    makeDirectory(dirname(path));
    await rm(temporary, { force: true });
    await symlink(NULL_DEVICE, temporary);
    await rename(temporary, path);
  } catch (cause) {
    throw new Fault("FILE_UNWRITABLE", `Cannot mask ${path}: ${reasonOf(cause)}`, { cause });
  }
  return { result: "done" };
}

/** Removes a mask; a file with content is a unit and stays, systemctl(1) unmask. */
export async function applyUnmask(machinePath: string, root: string): Promise<Outcome> {
  const path = await pathInRoot(root, machinePath);
  const before = await lstat(path).catch(missing);
  if (before === undefined || !((before.isFile() && before.size === 0) || (await isMask(path))))
    return { result: "unchanged" };
  await rm(path);
  return { result: "done" };
}

async function isMask(path: string): Promise<boolean> {
  return (await readlink(path).catch(() => "")) === NULL_DEVICE;
}

async function isAsWanted(path: string, content: Buffer, mode: number, owner: Owner | undefined) {
  const status = await lstat(path).catch(missing);
  if (status === undefined || !status.isFile()) return false;
  if ((status.mode & 0o7777) !== mode || status.size !== content.length) return false;
  if (owner !== undefined && (status.uid !== owner.uid || status.gid !== owner.gid)) return false;
  return content.equals(await readFile(path));
}

function mayGiveTo(owner: Owner): boolean {
  const uid = process.geteuid?.();
  return uid === 0 || (uid === owner.uid && process.getegid?.() === owner.gid);
}

function missing(error: unknown): undefined {
  if (!isErrno(error, "ENOENT") && !isErrno(error, "ENOTDIR")) throw error;
}
