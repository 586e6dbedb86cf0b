import { readFile } from "node:fs/promises";

/** Process 1 of the container that this systemd-nspawn(1) runs, as this computer numbers it. */
export async function leaderOf(nspawn: number): Promise<number | undefined> {
  const children = await readProc(`${nspawn}/task/${nspawn}/children`);
  for (const child of children.split(" ").filter(Boolean)) {
    const status = await readProc(`${child}/status`);
    if (/^NSpid:(\t\d+)*\t1$/m.test(status)) return Number(child);
  }
  return undefined;
}

/** Empty when the process has ended meanwhile. */
async function readProc(path: string): Promise<string> {
  return readFile(`/proc/${path}`, "utf8").catch(() => "");
}
