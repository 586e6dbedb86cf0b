import { resolve } from "node:path";
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { backupDirectory, factsOf, restoreDirectory } from "#keys/backup.ts";
import { type Command, plainRefusal } from "./command.ts";
import type { Flag } from "./flags.ts";

/** What the new member's peers are told, until it is started with another. */
const PEER_URLS = ["http://localhost:2380"];
const WAL_FLAGS: readonly Flag[] = ["wal-dir", "backup-wal-dir"].map((name) => ({
  name,
  kind: "text",
  usage: "of no use: the log is in the data directory",
}));

export const backup: Command = {
  name: "backup",
  usage: "make a data directory for a new cluster of one, with what another directory holds",
  argsUsage: "",
  description:
    "The member may be running. It is for data directories of Keelson's; those of etcd's are copied\n   by etcd's own etcdctl. `keelson etcd2 backup` asks a running store, and writes one file.",
  flags: [
    { name: "data-dir", kind: "text", usage: "the member's data directory" },
    { name: "backup-dir", kind: "text", usage: "the one to make; not there yet, or empty" },
    ...WAL_FLAGS,
    { name: "with-v3", kind: "bool", usage: "without effect: there is no v3 data" },
  ],
  run: async ({ flags, io }) => {
    const [from, to] = [flags.text("data-dir"), flags.text("backup-dir")];
    if (from === "" || to === "")
      throw plainRefusal(
        "Cannot make a backup: name the directories by --data-dir and --backup-dir",
      );
    for (const { name } of WAL_FLAGS)
      if (flags.has(name))
        throw plainRefusal(`Cannot use --${name}: the log is in the data directory; leave it out`);
    try {
      const dataDir = resolve(io.cwd, from);
      const state = await backupDirectory(dataDir, systemClock.now());
      const { keys, etcdIndex } = factsOf(state, `of ${dataDir}`);
      const options = { peerURLs: PEER_URLS, token: undefined };
      const backupDir = resolve(io.cwd, to);
      await restoreDirectory(state, backupDir, options);
      io.stderr.write(`${backupDir}: ${keys} keys, index ${etcdIndex}\n`);
      return 0;
    } catch (error) {
      if (error instanceof Fault) throw plainRefusal(error.message);
      throw error;
    }
  },
};
