import { Fault } from "#base/fault.ts";
import { findLine, hasAccounts, readDatabase } from "./accounts.ts";

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
async function find(
  root: string,
  database: "passwd" | "group",
  name: string,
): Promise<readonly string[]> {
  const hasOwn = (await hasAccounts(root)) && (await readDatabase(root, database)) !== undefined;
  const from = hasOwn ? root : "/";
  const named = await findLine(from, database, name);
  if (named !== undefined) return named;
  if (/^\d+$/.test(name)) return (await numbered(from, database, name)) ?? ["", "", name, name];
  throw new Fault(
    "CLOUD_CONFIG_INVALID",
    `Cannot give a file to ${database === "passwd" ? "user" : "group"} "${name}": /etc/${database} does not have it; use a name that is there, or a number`,
  );
}

async function numbered(root: string, database: "passwd" | "group", number: string) {
  const lines = ((await readDatabase(root, database)) ?? "").split("\n");
  return lines.map((line) => line.split(":")).find((fields) => fields[2] === number);
}
