import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { open, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { makeDirectory } from "#base/make-directory.ts";
import { type Backup, type Origin, parseBackup, storeOf } from "#keys/backup-file.ts";
import { decodeEntry } from "#keys/core/command.ts";
import { restoreSnapshot, takeSnapshot } from "#keys/core/snapshot.ts";
import { Store } from "#keys/core/store.ts";
import { etcdDirectory, newIdentity, readIdentity, writeIdentity } from "#keys/member-identity.ts";
import { readLogCopy, writeNewLog } from "#log/log-copy.ts";

/** What a backup holds, to be told to people. */
export interface BackupFacts {
  readonly keys: number;
  readonly etcdIndex: number;
  readonly entries: number;
  readonly takenAt: string;
  readonly origin: Origin | undefined;
}

/** @throws {Fault} RECORD_MALFORMED */
export function factsOf(backup: Backup, source: string): BackupFacts {
  const { index, tree } = storeOf(backup, source).parts;
  let keys = 0;
  for (const [, , , , value] of tree.snapshot()) if (value !== null) keys += 1;
  const { snapshot, takenAt, origin } = backup;
  return { keys, etcdIndex: index, entries: snapshot.index, takenAt, origin };
}

/** Whether the store is not in this directory's own log, but in that of a cluster. */
export function holdsClusterMember(dataDir: string): boolean {
  const log = readIdentity(dataDir, { peerURLs: [], token: "" })?.log;
  return log === "etcd" || (log === undefined && existsSync(etcdDirectory(dataDir)));
}

/**
 * The state of the member whose data directory it is, running or not. With `onDamage` a damaged log is taken as far as it
 * is good, and `onDamage` told what is wrong behind that.
 * @throws {Fault} FILE_UNREADABLE, LOG_CORRUPT, LOG_IO
 */
export async function backupDirectory(
  dataDir: string,
  now: Date,
  onDamage?: (damage: string) => void,
): Promise<Backup> {
  if (holdsClusterMember(dataDir))
    throw new Fault(
      "FILE_UNREADABLE",
      `Cannot read the store from ${dataDir}: a cluster keeps it; use \`keelson etcd2 backup\``,
    );
  const identity = readIdentity(dataDir, { peerURLs: [], token: "" });
  const isDamagedTaken = onDamage !== undefined;
  const { snapshot, entries, term, last, damage } = await readLogCopy(dataDir, { isDamagedTaken });
  if (damage) onDamage?.(damage);
  const store = snapshot ? restoreSnapshot(snapshot.chunks) : new Store();
  for (const { data } of entries) store.apply(decodeEntry(data).command);
  return {
    snapshot: { index: last, chunks: [...takeSnapshot(store)] },
    term,
    takenAt: now.toISOString(),
    origin: identity && { clusterId: identity.clusterId, memberId: identity.id },
  };
}

/** @throws {Fault} FILE_UNREADABLE, RECORD_MALFORMED */
export async function readBackup(path: string): Promise<Backup> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new Fault("FILE_UNREADABLE", `Cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
  return parseBackup(bytes, path);
}

export interface RestoreOptions {
  readonly peerURLs: readonly string[];
  /** Decides the ids of the new cluster; without it they are ones that no cluster had before. */
  readonly token: string | undefined;
}

/**
 * Makes a data directory of a backup, for a member that is alone in a new cluster; others are added to it.
 * It is there as a whole or not at all.
 * @throws {Fault} FILE_UNWRITABLE when the directory holds something, LOG_IO
 */
export async function restoreDirectory(
  backup: Backup,
  dataDir: string,
  { peerURLs, token }: RestoreOptions,
): Promise<{ readonly clusterId: string; readonly memberId: string }> {
  await refuseUnlessEmpty(dataDir);
  const tag = randomBytes(6).toString("hex");
  const temporary = `${dataDir}.${tag}.new`;
  const identity = newIdentity({ peerURLs, token: token ?? `restored-${tag}` });
  try {
    makeDirectory(dirname(dataDir));
    writeNewLog(temporary, backup.snapshot, backup.term);
    await writeIdentity(temporary, identity);
    await rename(temporary, dataDir); // takes the place of an empty directory, and of no other
    await using parent = await open(dirname(dataDir));
    await parent.sync();
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    if (cause instanceof Fault) throw cause;
    throw new Fault("FILE_UNWRITABLE", `Cannot write ${dataDir}: ${reasonOf(cause)}`, { cause });
  }
  return { clusterId: identity.clusterId, memberId: identity.id };
}

async function refuseUnlessEmpty(dataDir: string): Promise<void> {
  try {
    if ((await readdir(dataDir)).length === 0) return;
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return;
    throw new Fault("FILE_UNWRITABLE", `Cannot use ${dataDir}: ${reasonOf(cause)}`, { cause });
  }
  throw new Fault(
    "FILE_UNWRITABLE",
    `Cannot restore into ${dataDir}: it is not empty; name a new directory, or move this one away`,
  );
}
