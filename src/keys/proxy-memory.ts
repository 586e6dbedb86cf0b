import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { writeFileAtomic } from "#base/atomic-file.ts";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";

/** As etcd's proxy keeps it. */
const Stored = v.object({ PeerURLs: v.pipe(v.array(v.string()), v.minLength(1)) });

/**
 * Peer URLs that a proxy learnt earlier; undefined when it has learnt none.
 * @throws {Fault} RECORD_MALFORMED, FILE_UNREADABLE
 */
export function readProxyPeers(dataDir: string): readonly string[] | undefined {
  const path = pathIn(dataDir);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw new Fault("FILE_UNREADABLE", `Cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), Stored), text);
  if (read.success) return read.output.PeerURLs;
  throw new Fault(
    "RECORD_MALFORMED",
    `Cannot read ${path}: ${read.issues[0].message}; remove it, then the proxy asks the members it is configured with`,
  );
}

/** @throws {Fault} FILE_UNWRITABLE */
export async function writeProxyPeers(dataDir: string, peers: readonly string[]): Promise<void> {
  await writeFileAtomic(pathIn(dataDir), `${JSON.stringify({ PeerURLs: peers })}\n`);
}

function pathIn(dataDir: string): string {
  return join(dataDir, "proxy", "cluster");
}
