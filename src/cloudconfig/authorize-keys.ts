import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir } from "node:fs/promises";
import { dirname } from "node:path";
import { writeFileAtomic } from "#base/atomic-file.ts";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { type Account, findAccount, hasAccounts, WITHOUT_ACCOUNTS } from "./accounts.ts";
import {
  isKeyLine,
  isPartName,
  type KeyPart,
  ORIGINAL_PART,
  originalPart,
  sumOfParts,
} from "./core/authorized-keys.ts";
import type { Outcome } from "./outcome.ts";
import { pathInRoot } from "./root-path.ts";

const KEYS = "authorized_keys";
const PARTS = "authorized_keys.d";
const FILE_BYTES_MAX = 1024 * 1024; // thousands of keys

/**
 * Makes `keys` the part `name` of a user's authorized keys, as update-ssh-keys(1) of the original's machines does:
 * ~/.ssh/authorized_keys.d has a file for each part, and authorized_keys is their sum; one that was there before
 * becomes a part. A part that was emptied stays so: that is how keys are switched off. The directories are the user's,
 * who may put links there: none is followed.
 * @throws {Fault} MACHINE_REFUSED for a user that is not there or has no home, FILE_UNWRITABLE
 */
export async function applyAuthorizeKeys(
  action: { readonly user: string; readonly name: string; readonly keys: readonly string[] },
  root: string,
): Promise<Outcome> {
  if (!(await hasAccounts(root))) return WITHOUT_ACCOUNTS;
  const { user, name, keys } = action;
  if (!isPartName(name))
    throw new Fault(
      "CLOUD_CONFIG_INVALID",
      `Cannot authorize keys by the name "${name}": it names a file in ~/.ssh/${PARTS}; use letters, digits and hyphens`,
    );
  const account = await findAccount(root, user);
  if (account === undefined)
    throw new Fault(
      "MACHINE_REFUSED",
      `Cannot authorize keys for ${user}: the machine has no such user; name it under \`users\` to have it made`,
    );
  await using ssh = await openOwn(await sshDirectory(user, account, root), account);
  await using parts = await openOwn(`${inside(ssh)}/${PARTS}`, account);
  await keepOriginal(ssh, parts, account);
  const part = `${inside(parts)}/${name}`;
  const isOff = (await readOwn(part, account)) === "";
  const isNew = !isOff && (await writeOwn(part, `${keys.join("\n")}\n`, account));
  const isOther = await writeSum(ssh, parts, account);
  const off = `its file in ~/.ssh/${PARTS} is empty: these keys are switched off; remove it to have them again`;
  return { result: isNew || isOther ? "done" : "unchanged", note: isOff ? off : noteOn(keys) };
}

function noteOn(keys: readonly string[]): string | undefined {
  const useless = keys.filter((key) => !key.startsWith("#") && !isKeyLine(key));
  if (useless.length === 0) return undefined;
  const first = `"${useless[0]!.slice(0, 40)}"`;
  return `${useless.length} of ${keys.length} are no keys that sshd takes, such as ${first}`;
}

async function sshDirectory(user: string, { home }: Account, root: string): Promise<string> {
  const path = await pathInRoot(root, `${home}/.ssh`);
  const status = await lstat(dirname(path)).catch(missing);
  if (status?.isDirectory()) return path;
  throw new Fault(
    "MACHINE_REFUSED",
    `Cannot authorize keys for ${user}: its home directory ${home} is not there; make it, or leave no-create-home out`,
  );
}

/** Opens a directory of the user's, which is made when it is missing: whatever happens to its name, it stays this one. */
async function openOwn(path: string, account: Account): Promise<FileHandle> {
  try {
    await mkdir(path, 0o700).catch((error: unknown) => {
      if (!isErrno(error, "EEXIST")) throw error;
    });
    const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
    await using stack = new AsyncDisposableStack();
    const directory = stack.use(await open(path, flags));
    const { uid } = await directory.stat();
    if (uid !== account.uid && uid !== 0) throw new Error(`it belongs to user ${uid}`);
    if (uid !== account.uid) await directory.chown(account.uid, account.gid); // just made, or so left by a crash
    stack.move();
    return directory;
  } catch (cause) {
    const isLink = isErrno(cause, "ELOOP") || isErrno(cause, "ENOTDIR");
    const why = isLink ? "it is a link or a file; make a directory of it" : reasonOf(cause);
    throw new Fault("FILE_UNWRITABLE", `Cannot use ${path}: ${why}`, { cause });
  }
}

function inside(directory: FileHandle): string {
  return `/proc/self/fd/${directory.fd}`;
}

/** As long as there are no parts, what is authorized came from somewhere else. */
async function keepOriginal(ssh: FileHandle, parts: FileHandle, account: Account): Promise<void> {
  if ((await partNames(parts)).length > 0) return;
  const before = await readOwn(`${inside(ssh)}/${KEYS}`, account);
  if ((await partNames(parts)).length > 0) return; // a run at the same time was quicker, and has kept it
  const kept = before && originalPart(before);
  if (kept) await writeOwn(`${inside(parts)}/${ORIGINAL_PART}`, kept, account);
}

/**
 * Of runs at the same time each looks again once its sum is written: whoever is last has seen the parts of all.
 * @returns whether the sum was not there already
 */
async function writeSum(ssh: FileHandle, parts: FileHandle, account: Account): Promise<boolean> {
  const read = async () => sumOfParts(await readParts(parts, account));
  let isOther = false;
  let sum: string | undefined;
  for (let now = await read(); now !== sum; now = await read()) {
    isOther = (await writeOwn(`${inside(ssh)}/${KEYS}`, now, account)) || isOther;
    sum = now;
  }
  return isOther;
}

async function readParts(parts: FileHandle, account: Account): Promise<readonly KeyPart[]> {
  const read: KeyPart[] = [];
  for (const name of await partNames(parts)) {
    const content = await readOwn(`${inside(parts)}/${name}`, account);
    if (content !== undefined) read.push({ name, content });
  }
  return read;
}

/** What a crash left half written is no part. */
async function partNames(parts: FileHandle): Promise<readonly string[]> {
  const names = await readdir(inside(parts));
  return names.filter((name) => isPartName(name) && !/\.[0-9a-f]{12}\.new$/.test(name));
}

/** A file's text, if it is one of the user's or root's own: never what a link of the user's leads to. */
async function readOwn(path: string, account: Account): Promise<string | undefined> {
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    await using file = await open(path, flags);
    const status = await file.stat();
    const isOwn = status.uid === account.uid || (status.uid === 0 && status.nlink === 1);
    if (!status.isFile() || !isOwn || status.size > FILE_BYTES_MAX) return undefined;
    return await file.readFile("utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT") || isErrno(cause, "ELOOP")) return undefined;
    throw new Fault("FILE_UNREADABLE", `Cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** @returns whether the file was not so already */
async function writeOwn(path: string, content: string, account: Account): Promise<boolean> {
  const status = await lstat(path).catch(missing);
  const isOwn = status?.isFile() && status.uid === account.uid && (status.mode & 0o077) === 0;
  if (isOwn && (await readOwn(path, account)) === content) return false;
  const { uid, gid } = account;
  await writeFileAtomic(path, content, { mode: 0o600, owner: { uid, gid } });
  return true;
}

function missing(error: unknown): undefined {
  if (!isErrno(error, "ENOENT") && !isErrno(error, "ENOTDIR")) throw error;
}
