import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault, isErrno } from "#base/fault.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The ids that chown(1) would give for `USER`, `USER:GROUP`, `USER:` (the user's own group) or `:GROUP`; names are
 * looked up in the root's own passwd(5) and group(5), or this computer's where the root has none.
 * @throws {Fault} CLOUD_CONFIG_INVALID for a name that is not there
 */
export async function lookUpOwner(root: string, text: string): Promise<Owner> {
  const [user = "", group] = text.split(/[:.]/);
  const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const passwd = user === "" ? undefined : await find(root, "passwd", user);
  const uid = passwd === undefined ? own.uid : Number(passwd[2]);
  if (group === undefined) return { uid, gid: own.gid };
  if (group === "") return { uid, gid: Number(passwd?.[3] ?? own.gid) };
  return { uid, gid: Number((await find(root, "group", group))[2]) };
}

/** The fields of the line that `name` (or a number) has in passwd or group. */
async function find(root: string, file: "passwd" | "group", name: string): Promise<string[]> {
  const lines = (await readEtc(root, file)).split("\n").map((line) => line.split(":"));
  const byName = lines.find((fields) => fields[0] === name);
  if (byName !== undefined) return byName;
  if (/^\d+$/.test(name)) return lines.find((fields) => fields[2] === name) ?? ["", "", name, name];
  throw new Fault(
    "CLOUD_CONFIG_INVALID",
    `Cannot give a file to ${file === "passwd" ? "user" : "group"} "${name}": /etc/${file} does not have it; use a name that is there, or a number`,
  );
}

async function readEtc(root: string, file: string): Promise<string> {
  for (const path of [join(root, "etc", file), join("/etc", file)])
    try {
      return await readFile(path, "utf8");
    } catch (error) {
      if (!isErrno(error, "ENOENT")) throw error;
    }
  return "";
}
