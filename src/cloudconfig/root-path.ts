import { lstat, readlink, realpath } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";
import { Fault, isErrno } from "#base/fault.ts";

const LINKS_MAX = 40; // as the kernel, path_resolution(7)

/**
 * Where a machine's absolute `path` lies when its root directory is `root`. The last part may be a link, it will be
 * replaced; links on the way are followed as the machine itself would, for which `/` is the root.
 * @throws {Fault} FILE_UNWRITABLE for a path with "..", or with a link that leads nowhere inside of the root
 */
export async function pathInRoot(root: string, path: string): Promise<string> {
  const realRoot = await realpath(root);
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const last = parts.pop();
  if (last === undefined || last === ".." || parts.includes(".."))
    throw unusable(root, path, 'it has ".." in it or names no file');
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
      if (links > LINKS_MAX) throw unusable(root, path, `the link ${link} leads to itself`);
      const target = await readlink(next);
      if (isAbsolute(target)) at = realRoot;
      const ahead = partsInRoot(target, realRoot);
      linked = { link, parts: Math.max(linked.parts, 0) + ahead.length };
      parts.unshift(...ahead);
      continue;
    }
    // What is not there will be made, but not at the far end of a link.
    if (status === undefined && isLinked)
      throw unusable(root, path, `${linked.link} is a link that leads out of it or nowhere`);
    if (status === undefined) return join(next, ...parts, last);
    at = next;
  }
  return join(at, last);
}

/** A link may also name its target as this computer does, with the root's own path at its front. */
function partsInRoot(target: string, realRoot: string): string[] {
  const inside = target === realRoot || target.startsWith(`${realRoot}/`);
  const path = inside && realRoot !== "/" ? target.slice(realRoot.length) : target;
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

function missing(error: unknown): undefined {
  if (!isErrno(error, "ENOENT") && !isErrno(error, "ENOTDIR")) throw error;
}

function unusable(root: string, path: string, why: string): Fault {
  return new Fault(
    "FILE_UNWRITABLE",
    `Cannot write ${path} below ${root}: ${why}; name a path inside of the root`,
  );
}
