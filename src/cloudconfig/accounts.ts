import type { Outcome } from "./outcome.ts";
import { readInRoot } from "./root-path.ts";
import { runProgram } from "./run-program.ts";

export interface Account {
  readonly uid: number;
  readonly gid: number;
  /** The home directory, as the machine names it. */
  readonly home: string;
}

type Database = "passwd" | "group" | "shadow";

/** Of a step for a user, where the root is a part of a computer only and shares its users. */
export const WITHOUT_ACCOUNTS: Outcome = {
  result: "skipped",
  note: "this root has no users of its own, no etc/passwd",
};

/** Whether the root has users of its own. */
export async function hasAccounts(root: string): Promise<boolean> {
  return root === "/" || (await readDatabase(root, "passwd")) !== undefined;
}

export async function findAccount(root: string, name: string): Promise<Account | undefined> {
  const fields = await findLine(root, "passwd", name);
  if (fields?.[0] !== name) return undefined; // getent(1) also looks for numbers
  return { uid: Number(fields[2]), gid: Number(fields[3]), home: fields[5] || "/" };
}

/** What shadow(5) has in the password's place; nothing for a user without a line there. */
export async function findPasswordHash(root: string, name: string): Promise<string | undefined> {
  return (await findLine(root, "shadow", name))?.[1];
}

/**
 * The fields of a user's or group's line. Of this computer as it knows them, from whatever service nsswitch.conf(5)
 * names; below another root from the file there.
 */
export async function findLine(
  root: string,
  database: Database,
  name: string,
): Promise<readonly string[] | undefined> {
  if (/[:\n\0]/.test(name) || name === "") return undefined;
  if (root === "/") {
    const { status, stdout } = await runProgram("getent", ["--", database, name]);
    return status === 0 ? stdout.replace(/\n[^]*$/, "").split(":") : undefined;
  }
  const lines = ((await readDatabase(root, database)) ?? "").split("\n");
  return lines.map((line) => line.split(":")).find((fields) => fields[0] === name);
}

/** @returns nothing where the root has no such file */
export function readDatabase(root: string, database: Database): Promise<string | undefined> {
  return readInRoot(root, `/etc/${database}`);
}
