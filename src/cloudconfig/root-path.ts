import { constants } from "node:fs";
import { lstat, readFile, readlink, realpath } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";

const LINKS_MAX = 40; // as the kernel, path_resolution(7)

/** A path that leads nowhere inside of the root. */
class Wayless extends Error {}

/**
 * Where a machine's absolute `path` lies when its root directory is `root`. The last part may be a link, it will be
 * replaced; links on the way are followed as the machine itself would, for which `/` is the root.
 * @throws {Fault} FILE_UNWRITABLE for a path with "..", with a link that leads nowhere inside of the root, or through a
 *   directory that may not be searched
 */
export async function pathInRoot(root: string, path: string): Promise<string> {
  try {
    const parts = partsOf(path);
    const last = parts.pop();
    if (last === undefined || last === ".." || parts.includes(".."))
      throw new Wayless('it has ".." in it or names no file');
    return join(await follow(root, parts), last);
  } catch (cause) {
    const why =
      cause instanceof Wayless
        ? `${cause.message}; name a path inside of the root`
        : reasonOf(cause);
    throw new Fault("FILE_UNWRITABLE", `Cannot write ${path} below ${root}: ${why}`, { cause });
  }
}

/**
 * The text of the file that the machine finds at `path`, through links as above and never from outside of its root.
 * @returns nothing where there is none
 * @throws {Fault} FILE_UNREADABLE
 */
export async function readInRoot(root: string, path: string): Promise<string | undefined> {
  try {
    const flag = constants.O_RDONLY | constants.O_NOFOLLOW;
    return await readFile(await follow(root, partsOf(path)), { encoding: "utf8", flag });
  } catch (cause) {
    if (cause instanceof Wayless || isMissing(cause)) return undefined;
    const why = reasonOf(cause);
    throw new Fault("FILE_UNREADABLE", `Cannot read ${join(root, path)}: ${why}`, { cause });
  }
}

/** Where the machine finds what it calls `path`, links followed as above; nothing where it finds nothing. */
export async function findInRoot(root: string, path: string): Promise<string | undefined> {
  try {
    const found = await follow(root, partsOf(path));
    await lstat(found);
    return found;
  } catch {
    return undefined;
  }
}

/** The parts one after the other, from the root on. */
async function follow(root: string, ahead: readonly string[]): Promise<string> {
  const realRoot = await realpath(root);
  const parts = [...ahead];
  let at = realRoot;
  let links = 0;
  let linked = { link: "", parts: 0 }; // how many of the next parts are of a link's target
  while (parts.length > 0) {
    const part = parts.shift()!;
    const isLinked = linked.parts > 0;
    linked = { ...linked, parts: linked.parts - 1 };
    if (part === "..") {
      at = at === realRoot ? at : dirname(at);
      continue;
    }
    const next = join(at, part);
    const status = await lstat(next).catch(missing);
    if (status?.isSymbolicLink()) {
      links += 1;
      const link = isLinked ? linked.link : next;
      if (links > LINKS_MAX) throw new Wayless(`the link ${link} leads to itself`);
      const target = await readlink(next);
      if (isAbsolute(target)) at = realRoot;
      const inserted = partsInRoot(target, realRoot);
      linked = { link, parts: Math.max(linked.parts, 0) + inserted.length };
      parts.unshift(...inserted);
      continue;
    }
    // What is not there will be made, but not at the far end of a link.
    if (status === undefined && isLinked)
      throw new Wayless(`${linked.link} is a link that leads out of it or nowhere`);
    if (status === undefined) return join(next, ...parts);
    at = next;
  }
  return at;
}

/** A link may also name its target as this computer does, with the root's own path at its front. */
function partsInRoot(target: string, realRoot: string): string[] {
  const inside = target === realRoot || target.startsWith(`${realRoot}/`);
  return partsOf(inside && realRoot !== "/" ? target.slice(realRoot.length) : target);
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function missing(error: unknown): undefined {
  if (!isMissing(error)) throw error;
}

function isMissing(error: unknown): boolean {
  return isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR");
}
