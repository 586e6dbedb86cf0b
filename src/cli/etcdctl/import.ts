import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { type Command, type CommandRun, type Connected, plainRefusal } from "./command.ts";
import { explain } from "./explain.ts";
import { print } from "./print-reply.ts";
import { withEndlessKeys } from "./session.ts";
import { type OldKey, parseSnapshot04 } from "./snapshot-04.ts";

const CLIENTS_DEFAULT = 10;
/** A key that is about to end stays long enough for whoever renews it to move too. */
const TTL_SECONDS_MIN = 300;

export const importSnapshot: Command = {
  name: "import",
  usage: "write the keys of an etcd 0.4 snapshot to the store",
  argsUsage: "",
  description:
    "`curl http://OLD:4001/v2/migration/snapshot` gives one, and so do the files of its snapshot directory.\n   `keelson etcd2 import` copies from a running etcd 2 or 3.",
  flags: [
    { name: "snap", kind: "text", usage: "the snapshot's file" },
    {
      name: "hidden",
      kind: "text",
      usage: "also hidden keys below this one, such as /_coreos.com; may be given often",
    },
    {
      name: "c",
      kind: "integer",
      usage: `writes under way at a time (default: ${CLIENTS_DEFAULT})`,
    },
  ],
  run: async (given) => {
    const { flags, io } = given;
    const path = flags.text("snap");
    const keys = await readKeys(given, path);
    const clients = Math.max(1, flags.number("c") || CLIENTS_DEFAULT);
    print(io, `starting to import snapshot ${path} with ${clients} clients`);
    return withEndlessKeys(given, async (connected) => {
      const queue = keys.values(); // shared: each takes the next
      const workers = Array.from({ length: clients }, () => copy(given, connected, queue));
      const counts = await Promise.all(workers);
      print(io, `finished importing ${counts.reduce((sum, count) => sum + count, 0)} keys`);
      return 0;
    });
  },
};

async function readKeys({ flags, io }: CommandRun, path: string): Promise<OldKey[]> {
  if (path === "") throw plainRefusal("no snapshot file provided (use --snap)");
  const bytes = await readFile(resolve(io.cwd, path)).catch(() => {
    throw plainRefusal(`cannot read snapshot file ${path}`);
  });
  try {
    return parseSnapshot04(bytes, flags.texts("hidden"), path);
  } catch (error) {
    if (error instanceof Fault) throw plainRefusal(error.message);
    throw error;
  }
}

async function copy(
  { io }: CommandRun,
  { client, signal }: Connected,
  queue: Iterable<OldKey>,
): Promise<number> {
  let count = 0;
  for (const { key, value, endsMs } of queue) {
    const leftSeconds =
      endsMs === undefined ? undefined : Math.ceil((endsMs - systemClock.now().getTime()) / 1_000);
    if (leftSeconds !== undefined && leftSeconds <= 0) continue; // it has ended meanwhile
    const isShort = leftSeconds !== undefined && leftSeconds < TTL_SECONDS_MIN;
    if (isShort) io.stderr.write(`extending key ${key}'s ttl to ${TTL_SECONDS_MIN} seconds\n`);
    const ttlSeconds = isShort ? TTL_SECONDS_MIN : leftSeconds;
    try {
      await client.set(key, value, ttlSeconds === undefined ? {} : { ttlSeconds }, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw plainRefusal(`failed to copy key ${key}: ${explain(error)}`);
    }
    count += 1;
  }
  return count;
}
