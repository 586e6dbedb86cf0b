import { lstat, realpath } from "node:fs/promises";
import { join, relative } from "node:path";
import { Fault, isErrno } from "#base/fault.ts";

/**
 * Where a machine's absolute `path` lies when its root directory is `root`. The last part may be a link, it will be
 * replaced; links on the way are followed as long as they stay inside.
 * @throws {Fault} FILE_UNWRITABLE for a path that leads out of the root
 */
export async function pathInRoot(root: string, path: string): Promise<string> {
  const realRoot = await realpath(root);
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const last = parts.pop();
  if (last === undefined || last === ".." || parts.includes(".."))
    throw outside(root, path, 'it has ".." in it or names no file');
  let at = realRoot;
  for (const [i, part] of parts.entries()) {
    const next = join(at, part);
    const status = await lstat(next).catch(missing);
    if (status === undefined) return join(next, ...parts.slice(i + 1), last);
    at = status.isSymbolicLink() ? await followInside(root, realRoot, next, path) : next;
  }
  return join(at, last);
}

async function followInside(root: string, realRoot: string, link: string, path: string) {
  const target = await realpath(link).catch(missing);
  const way = target === undefined ? ".." : relative(realRoot, target);
  if (target === undefined || way === ".." || way.startsWith("../"))
    throw outside(root, path, `${link} is a link that leads out of it or nowhere`);
  return target;
}

function missing(error: unknown): undefined {
  if (!isErrno(error, "ENOENT")) throw error;
}

function outside(root: string, path: string, why: string): Fault {
  return new Fault(
    "FILE_UNWRITABLE",
    `Cannot write ${path} below ${root}: ${why}; name a path inside of the root`,
  );
}
