import { existsSync, readdirSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { writeFileAtomic } from "#base/atomic-file.ts";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { clusterId, memberId } from "#keys/member.ts";

const Stored = v.object({
  id: v.pipe(v.string(), v.regex(/^[1-9a-f][0-9a-f]{0,15}$/)),
  clusterId: v.string(),
  peerURLs: v.array(v.string()),
  /** What the ids were made of, so that a real etcd can be started with the same ones. */
  firstPeerURLs: v.optional(v.array(v.string())),
  token: v.optional(v.string()),
  log: v.optional(v.picklist(["embedded", "etcd", "external"]), "embedded"),
  term: v.optional(v.pipe(v.number(), v.safeInteger())),
});

/** Who a member is, as decided when its data directory was new; settings of the first start do not change it. */
export interface Identity {
  readonly id: string;
  readonly clusterId: string;
  readonly peerURLs: readonly string[];
  readonly firstPeerURLs: readonly string[];
  readonly token: string;
  /** Which log is in charge. This one word decides, whatever else is in the directory. */
  readonly log: "embedded" | "etcd" | "external";
  /** The embedded log's last term, when etcd's took its place: terms never fall. */
  readonly term?: number | undefined;
}

export interface FirstSettings {
  readonly peerURLs: readonly string[];
  readonly token: string;
}

/** Where a member's real etcd keeps its data. */
export function etcdDirectory(dataDir: string): string {
  return join(dataDir, "etcd");
}

/** Whether a data directory holds a member already, so that its own record counts and not the settings of a first start. */
export function holdsMember(dataDir: string): boolean {
  return existsSync(identityPath(dataDir)) || holdsEtcdMember(dataDir);
}

/** By the same sign as etcd: one that could not join leaves other files. */
export function holdsEtcdMember(dataDir: string): boolean {
  return listIfThere(join(etcdDirectory(dataDir), "member", "wal")).some((file) =>
    file.endsWith(".wal"),
  );
}

/**
 * What a data directory says of its member; undefined when it says nothing.
 * @throws {Fault} LOG_CORRUPT, FILE_UNREADABLE
 */
export function readIdentity(dataDir: string, first: FirstSettings): Identity | undefined {
  const path = identityPath(dataDir);
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), Stored), text);
  if (!read.success)
    throw new Fault(
      "LOG_CORRUPT",
      `Cannot read ${path}: ${read.issues[0].message}; restore it from a backup`,
    );
  const stored = read.output;
  return {
    ...stored,
    firstPeerURLs: stored.firstPeerURLs ?? stored.peerURLs,
    token: stored.token ?? first.token,
  };
}

/** A member that is alone in its new cluster, with the ids that etcd would give it. */
export function newIdentity({ peerURLs, token }: FirstSettings): Identity {
  const id = memberId(peerURLs, token);
  const log = "embedded";
  return { id, clusterId: clusterId([id]), peerURLs, firstPeerURLs: peerURLs, token, log };
}

/**
 * Resolves when the record would outlive a power cut.
 * @throws {Fault} FILE_UNWRITABLE
 */
export async function writeIdentity(dataDir: string, identity: Identity): Promise<void> {
  await writeFileAtomic(identityPath(dataDir), `${JSON.stringify(identity)}\n`, { mode: 0o600 });
  await using directory = await open(dataDir);
  await directory.sync(); // the new name of the file, too
}

function identityPath(dataDir: string): string {
  return join(dataDir, "member.json");
}

function listIfThere(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return [];
    throw new Fault("FILE_UNREADABLE", `Cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return undefined;
    throw new Fault("FILE_UNREADABLE", `Cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
}
