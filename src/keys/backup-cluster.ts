import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import type { Backup } from "#keys/backup-file.ts";
import { decodeEntry } from "#keys/core/command.ts";
import { restoreSnapshot, takeSnapshot } from "#keys/core/snapshot.ts";
import { Store } from "#keys/core/store.ts";
import { openEtcdEngine } from "#keys/etcd-engine.ts";
import { etcdDirectory, readIdentity } from "#keys/member-identity.ts";
import type { EtcdMember } from "#log/core/etcd-flags.ts";
import type { Log } from "#log/core/log.ts";
import { DirectoryLock } from "#log/directory-lock.ts";

export interface ClusterBackupOptions {
  /** The etcd program, as a path or a name to be found in PATH. */
  readonly binary: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** Of this machine only, and no one's: the copy talks to nobody. */
const NOWHERE = "http://127.0.0.1:0";
const MEMBER: EtcdMember = {
  name: "backup",
  listenPeerUrls: [NOWHERE],
  peerUrls: [NOWHERE],
  clientUrls: [NOWHERE],
  initialCluster: new Map([["backup", [NOWHERE]]]),
  initialState: "new",
  token: "backup",
  tuning: { forceNewCluster: true },
};

/**
 * The state of a cluster's member that does not run, as far as this member knows it: its etcd is started alone on a
 * copy of the data. For a cluster whose other members are lost.
 * @throws {Fault} ADDRESS_IN_USE while the member runs, FILE_UNREADABLE, ETCD_MISSING, LOG_CORRUPT
 */
export async function backupClusterMember(
  dataDir: string,
  options: ClusterBackupOptions,
  signal: AbortSignal,
): Promise<Backup> {
  using _held = new DirectoryLock(dataDir);
  const copy = await mkdtemp(join(tmpdir(), "keelson-copy-"));
  try {
    await copyEtcd(dataDir, copy);
    await using engine = await openEtcdEngine(
      { ...options, dataDir: copy, member: MEMBER },
      undefined,
      signal,
    );
    await using log = engine.log;
    const { store, index } = stateOf(log);
    const identity = readIdentity(dataDir, { peerURLs: [], token: "" });
    return {
      snapshot: { index, chunks: [...takeSnapshot(store)] },
      term: log.term,
      takenAt: options.clock.now().toISOString(),
      origin: identity && { clusterId: identity.clusterId, memberId: identity.id },
    };
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}

async function copyEtcd(dataDir: string, copy: string): Promise<void> {
  try {
    await cp(join(etcdDirectory(dataDir), "member"), join(etcdDirectory(copy), "member"), {
      recursive: true,
    });
  } catch (cause) {
    throw new Fault(
      "FILE_UNREADABLE",
      `Cannot copy ${etcdDirectory(dataDir)}: ${reasonOf(cause)}`,
      {
        cause,
      },
    );
  }
}

/** What a log's snapshot and entries make; those are delivered at once when it is started. */
function stateOf(log: Log): { readonly store: Store; readonly index: number } {
  const store = log.snapshot ? restoreSnapshot(log.snapshot.chunks) : new Store();
  let last = log.snapshot?.index ?? 0;
  log.start({
    deliver: (entries) => {
      for (const { index, data } of entries) {
        store.apply(decodeEntry(data).command);
        last = index;
      }
    },
    replace: () => {
      throw new Error("a log that nobody writes to was cut off");
    },
  });
  return { store, index: last };
}
