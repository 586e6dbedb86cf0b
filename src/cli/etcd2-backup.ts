import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { writeFileAtomic } from "#base/atomic-file.ts";
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { openLogger } from "#base/logger.ts";
import {
  ACCESS_HELP,
  ACCESS_OPTIONS,
  accessOf,
  listOf,
  parseToolOptions,
} from "#cli/etcd2-backup-options.ts";
import type { Io, Program } from "#cli/program.ts";
import { type BackupFacts, backupDirectory, factsOf, holdsClusterMember } from "#keys/backup.ts";
import { type Backup, encodeBackup, parseBackup } from "#keys/backup-file.ts";
import { BACKUP_PATH } from "#keys/backup-http.ts";
import { openKeysClient } from "#keys/client.ts";

const HELP = `Usage: keelson etcd2 backup --to FILE|DIRECTORY [--endpoint URLS | --data-dir DIR]

Writes the whole store to one file: keys, times to live, users, roles, history. The file is there as a whole or not
at all, and has a checksum. Into a directory it goes under a name with the time and the store's index.

  --to FILE|DIRECTORY                    a file that is not there yet, or a directory that is; none is made
  --endpoint http://127.0.0.1:2379       a running member to ask
  --stale                                also from a member that has lost the others, as far as it knows
  --data-dir DIR                         rather read a member's own log, whether it runs or not; of a member of a
                                         cluster only while it does not run, as far as it knows
  --damaged                              with --data-dir: of a damaged log what comes before the damage
${ACCESS_HELP}
`;

/** A store of many hundred thousand keys takes a while. */
const ANSWER_WITHIN_MS = 600_000;
const DEFAULT_ENDPOINT = "http://127.0.0.1:2379";

export const etcd2Backup: Program = async (args, io) => {
  const { values } = parseToolOptions("backup", args, {
    to: { type: "string" },
    endpoint: { type: "string" },
    stale: { type: "boolean" },
    damaged: { type: "boolean" },
    "data-dir": { type: "string" },
    help: { type: "boolean", short: "h" },
    ...ACCESS_OPTIONS,
  });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const { to, endpoint, "data-dir": dataDir } = values;
  if (to === undefined || (endpoint !== undefined && dataDir !== undefined))
    throw new Fault("USAGE", "Cannot make a backup: name a file with --to, and one source at most");
  const target = resolve(io.cwd, to);
  const isDirectory = await checkTarget(target, to);
  const backup =
    dataDir === undefined
      ? await askForBackup(
          listOf(endpoint) ?? [DEFAULT_ENDPOINT],
          values.stale ? `${BACKUP_PATH}?stale=true` : BACKUP_PATH,
          accessOf(values, io),
          io,
        )
      : await readDataDir(resolve(io.cwd, dataDir), values.damaged ?? false, io);
  const facts = factsOf(backup, "that was made");
  const path = isDirectory ? join(target, nameOf(facts, systemClock.now())) : target;
  const lines = [...encodeBackup(backup)].map((line) => Buffer.from(line));
  await writeFileAtomic(path, Buffer.concat(lines), { mode: 0o600 });
  io.stdout.write(`${path}: ${facts.keys} keys, index ${facts.etcdIndex}\n`);
  return 0;
};

async function askForBackup(
  endpoints: readonly string[],
  path: string,
  access: ReturnType<typeof accessOf>,
  { signal }: Pick<Io, "signal">,
): Promise<Backup> {
  await using client = openKeysClient({ endpoints, requestTimeoutMs: ANSWER_WITHIN_MS, ...access });
  const { status, body, endpoint } = await client.fetch(path, signal);
  const user = access.auth?.split(":")[0];
  if (status === 200) return parseBackup(Buffer.from(body), `of ${endpoint.text}`);
  if (status === 401)
    throw new Fault(
      "STORE_REFUSED",
      `Cannot back up ${endpoint.text}: ${user === undefined ? "only root may" : `the password of ${user} is wrong, or ${user} has not the role root`}; give --username root:PASSWORD`,
    );
  if (status === 503)
    throw new Fault(
      "STORE_UNAVAILABLE",
      `Cannot back up ${endpoint.text}: ${body.trim()}; or take what this member knows, with --stale`,
    );
  throw new Fault(
    "STORE_UNAVAILABLE",
    `Cannot back up ${endpoint.text}: it answers with HTTP status ${status}, "${body.slice(0, 100).trim()}"; ask a member of Keelson's store, not a proxy or an etcd (\`keelson etcd2 import\` reads those)`,
  );
}

async function readDataDir(dataDir: string, isDamaged: boolean, io: Io): Promise<Backup> {
  const { env, signal, stderr } = io;
  const tell = (damage: string) => stderr.write(`taken as far as it is whole: ${damage}\n`);
  if (!holdsClusterMember(dataDir))
    return backupDirectory(dataDir, systemClock.now(), isDamaged ? tell : undefined);
  const { backupClusterMember } = await import("#keys/backup-cluster.ts"); // with the client of gRPC
  const logger = openLogger("silent");
  const shared = { env, logger, clock: systemClock, random: Math.random };
  return backupClusterMember(dataDir, { ...shared, binary: "etcd" }, signal);
}

/** Sorts by time; no two are the same, so that a store nobody wrote to is backed up as well. */
function nameOf({ etcdIndex }: BackupFacts, now: Date): string {
  return `keelson-${now.toISOString().replaceAll(":", "")}-${etcdIndex}.backup`;
}

/**
 * Whether the target is a directory. None is made: a disk that is not mounted is to be noticed.
 * @throws {Fault} FILE_UNWRITABLE when it is a file already, or would be in a directory that is not there.
 */
async function checkTarget(path: string, given: string): Promise<boolean> {
  const refusal = (what: string) =>
    new Fault("FILE_UNWRITABLE", `Cannot write the backup ${path}: ${what}`);
  const isDirectory = async (at: string) => (await stat(at).catch(() => undefined))?.isDirectory();
  const found = await isDirectory(path);
  if (found) return true;
  if (found === false) throw refusal("it is there already; name another file, or a directory");
  const directory = given.endsWith("/") ? path : dirname(path);
  if (directory === path || !(await isDirectory(directory)))
    throw refusal(`there is no directory ${directory}; make it first, or name another`);
  return false;
}
