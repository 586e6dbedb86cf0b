import { resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import { isLoopbackUrl } from "#base/loopback.ts";
import { listOf, parseToolOptions } from "#cli/etcd2-backup-options.ts";
import type { Program } from "#cli/program.ts";
import { factsOf, readBackup, restoreDirectory } from "#keys/backup.ts";

const HELP = `Usage: keelson etcd2 restore FILE --data-dir DIR [flags]

Makes a data directory of a backup. \`keelson etcd2 --data-dir DIR\` then serves it, as the one member of a new
cluster; add others with \`etcdctl member add\`. Without --data-dir the backup is only checked.

  --data-dir DIR                         not there yet, or empty
  --initial-advertise-peer-urls http://localhost:2380
                                         where this member's peers will find it; decided here, the server keeps it
  --initial-cluster-token TOKEN          makes the cluster's id, with the peer URLs; without it the id is new, so
                                         that members and proxies of the old cluster do not take this one for theirs
`;

export const etcd2Restore: Program = async (args, io) => {
  const { values, positionals } = parseToolOptions("restore", args, {
    "data-dir": { type: "string" },
    "initial-advertise-peer-urls": { type: "string" },
    "initial-cluster-token": { type: "string" },
    help: { type: "boolean", short: "h" },
  });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0)
    throw new Fault("USAGE", "Cannot restore: name one backup file");
  const path = resolve(io.cwd, file);
  const backup = await readBackup(path);
  const { keys, etcdIndex, takenAt } = factsOf(backup, path);
  io.stdout.write(`${path}: ${keys} keys, index ${etcdIndex}, taken ${takenAt}; it is whole\n`);
  if (values["data-dir"] === undefined) return 0;
  const dataDir = resolve(io.cwd, values["data-dir"]);
  const peerURLs = listOf(values["initial-advertise-peer-urls"]) ?? ["http://localhost:2380"];
  const token = values["initial-cluster-token"];
  const wrong = peerURLs.find((url) => !(/^https?:/.test(url) && URL.canParse(url)));
  if (wrong !== undefined)
    throw new Fault("USAGE", `Cannot use ${wrong} as a peer URL: expected http://HOST:PORT`);
  const { clusterId } = await restoreDirectory(backup, dataDir, { peerURLs, token });
  io.stdout.write(`${dataDir}: restored, cluster ${clusterId}\n`);
  const local = peerURLs.find(isLoopbackUrl);
  if (local !== undefined)
    io.stderr.write(
      `its peer URL is ${local}, which no other machine reaches: if others are to join, restore with --initial-advertise-peer-urls http://THIS-MACHINE:2380\n`,
    );
  return 0;
};
