import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { startMember } from "#keys/member-for-tests.ts";
import { startRealEtcd } from "#keys/real-etcd.ts";

const PROGRAM = join(import.meta.dirname, "python-etcd.py");
const LIMIT_MS = 180_000;

/** What the program prints of the server at `url`, a line a step. */
async function run(url: string): Promise<string[]> {
  const { port } = new URL(url);
  // Debian's own Python has Debian's library; equal seeds make equal orders of its sets.
  const env = { ...process.env, PYTHONHASHSEED: "0" };
  const options = { env, timeout: LIMIT_MS };
  const { stdout } = await promisify(execFile)("/usr/bin/python3", [PROGRAM, port], options);
  return stdout.replaceAll(port, "PORT").trimEnd().split("\n");
}

test("python3-etcd sees the same of our store as of a real etcd", async () => {
  await using etcd = await startRealEtcd();
  await using member = await startMember();
  const [theirs, ours] = await Promise.all([run(etcd.clientUrl), run(member.clientUrl)]);
  assert.equal(theirs.at(-1), "done");
  assert.deepEqual(ours, theirs);
});
