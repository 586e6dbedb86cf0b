import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { empty, fill, smallDisk } from "#log/log-places-for-tests.ts";
import { startServer } from "#test/support/server.ts";
import { loneStore } from "./lone-store.ts";
import { runReal } from "./real-run.ts";

const DURATION_MS = 15_000;

async function temporary(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "keelson-lone-"));
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

test("one real server, killed and stopped under load: every answer is right", async (t) => {
  await using store = await loneStore(await temporary(t));
  const seed = Math.floor(Math.random() * 1e6);
  const report = await runReal(store, { durationMs: DURATION_MS, seed });
  t.diagnostic(`seed ${seed}: ${JSON.stringify({ ...report, problems: report.problems.length })}`);
  assert.deepEqual(report.problems, []);
  assert.ok(report.operations > 100 && report.events > 50, "too little happened");
});

test("a full disk: writes are refused and never appear, reads and health tell, and it goes on by itself", async () => {
  const disk = smallDisk();
  await using server = await startServer({ dataDir: join(disk, "data") });
  await server.ready();
  const ask = async (path: string, value?: string) => {
    const given =
      value === undefined ? {} : { method: "PUT", body: new URLSearchParams({ value }) };
    const answer = await fetch(`${server.url}${path}`, given);
    return { status: answer.status, text: await answer.text() };
  };
  assert.equal((await ask("/v2/keys/a", "kept")).status, 201);
  fill(disk);
  const refused = await ask("/v2/keys/a", "x".repeat(200_000));
  assert.equal(refused.status, 500);
  assert.match(refused.text, /"errorCode":300.*full.*go on by themselves/);
  assert.equal((await ask("/v2/keys/b", "small")).status, 500);
  assert.match((await ask("/v2/keys/a")).text, /"value":"kept"/);
  const health = await ask("/health");
  assert.deepEqual([health.status, /false/.test(health.text)], [503, true]);
  empty(disk);
  await server.ready();
  assert.match((await ask("/v2/keys/a", "later")).text, /"prevNode":{[^}]*"value":"kept"/);
  await server.stop("SIGKILL");
  await using again = await startServer({ dataDir: join(disk, "data"), url: server.url });
  await again.ready();
  assert.match((await ask("/v2/keys/a")).text, /"value":"later"/);
  assert.equal((await ask("/v2/keys/b")).status, 404);
});
