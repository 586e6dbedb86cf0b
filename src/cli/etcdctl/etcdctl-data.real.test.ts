import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { backupDirectory, factsOf } from "#keys/backup.ts";
import { startMember } from "#keys/member-for-tests.ts";
import { runOurs } from "./compare-for-tests.ts";

const NEVER = "0001-01-01T00:00:00Z";

async function scratch(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "etcdctl-data-"));
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

function run(args: string[], endpoint = "") {
  return runOurs({ args, env: { ETCDCTL_ENDPOINTS: endpoint }, stdin: "" });
}

test("backup makes a directory that holds what the member's does", async (t) => {
  const directory = await scratch(t);
  await using member = await startMember();
  for (const key of ["a", "b", "c/d"]) await run(["set", key, `value of ${key}`], member.clientUrl);
  const last = await run(["-o", "json", "mkdir", "empty"], member.clientUrl);
  const { node } = JSON.parse(last.stdout) as { node: { modifiedIndex: number } };
  const [from, to] = [member.dataDir, join(directory, "copy")];
  const made = await run(["backup", "--data-dir", from, "--backup-dir", to]);
  assert.deepEqual(made, {
    exit: 0,
    stdout: "",
    stderr: `${to}: 3 keys, index ${node.modifiedIndex}\n`,
  });
  const facts = factsOf(await backupDirectory(to, new Date()), to);
  assert.equal(facts.keys, 3);
  assert.equal(facts.etcdIndex, node.modifiedIndex);

  const again = await run(["backup", "--data-dir", from, "--backup-dir", to]);
  assert.equal(again.exit, 1);
  assert.match(again.stderr, /^Cannot restore into .*: it is not empty/);
  for (const args of [
    ["--data-dir", from],
    ["--backup-dir", to],
    ["--wal-dir", "x"],
  ]) {
    const refused = await run(["backup", ...args]);
    assert.equal(refused.exit, 1);
    assert.match(refused.stderr, /^Cannot make a backup: /);
  }
  const more = ["--data-dir", from, "--backup-dir", `${to}2`, "--wal-dir", "x"];
  assert.match((await run(["backup", ...more])).stderr, /^Cannot use --wal-dir: /);
  const nothing = await run(["backup", "--data-dir", `${to}3`, "--backup-dir", `${to}4`]);
  assert.equal(nothing.exit, 1);
});

test("import writes a snapshot of etcd 0.4", async (t) => {
  await using member = await startMember();
  const path = join(await scratch(t), "old.snap");
  const soon = new Date(Date.now() + 60_000).toISOString();
  const ended = new Date(Date.now() - 60_000).toISOString();
  const leaf = (Path: string, Value: string, ExpireTime = NEVER) => ({ Path, Value, ExpireTime });
  const Children = {
    a: leaf("/a", "1"),
    soon: leaf("/soon", "2", soon),
    ended: leaf("/ended", "3", ended),
    _h: { ...leaf("/_h", ""), Children: { x: leaf("/_h/x", "4") } },
  };
  await writeFile(path, JSON.stringify({ Root: { ...leaf("/", ""), Children } }));
  const done = await run(
    ["import", "--snap", path, "--hidden", "/_h", "--c", "2"],
    member.clientUrl,
  );
  assert.deepEqual(done, {
    exit: 0,
    stdout: `starting to import snapshot ${path} with 2 clients\nfinished importing 3 keys\n`,
    stderr: "extending key /soon's ttl to 300 seconds\n",
  });
  assert.equal((await run(["get", "/_h/x"], member.clientUrl)).stdout, "4\n");
  assert.equal(
    (await run(["ls"], member.clientUrl)).stdout.split("\n").toSorted().join(" "),
    " /a /soon",
  );
  const { stdout } = await run(["-o", "extended", "get", "soon"], member.clientUrl);
  const [, ttl] = /^TTL: (\d+)$/m.exec(stdout) ?? [];
  assert.ok(Number(ttl) > 200, stdout);

  const refusals = {
    "no snapshot file provided (use --snap)": [],
    [`cannot read snapshot file ${path}x`]: ["--snap", `${path}x`],
    "Cannot read /dev/null as a snapshot of etcd 0.4: it is no JSON": ["--snap", "/dev/null"],
  };
  for (const [stderr, args] of Object.entries(refusals))
    assert.deepEqual(await run(["import", ...args], member.clientUrl), {
      exit: 1,
      stdout: "",
      stderr: `${stderr}\n`,
    });
  const blocked = { Root: { ...leaf("/", ""), Children: { b: leaf("/a/b", "1") } } };
  await writeFile(path, JSON.stringify(blocked));
  const failed = await run(["import", "--snap", path], member.clientUrl);
  assert.equal(failed.exit, 1);
  assert.match(failed.stderr, /^failed to copy key \/a\/b: 104: Not a directory \(\/a\)/);
});
