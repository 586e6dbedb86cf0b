import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { EmbeddedLog } from "#log/embedded-log.ts";
import { collect } from "#log/log-conformance.ts";
import { dataOf, filled, temporary } from "./log-places-for-tests.ts";

const APPENDER = `
  import { EmbeddedLog } from "#log/embedded-log.ts";
  const log = EmbeddedLog.open(process.argv[1]);
  let last = 0;
  log.start({ deliver: (entries) => { last = entries.at(-1).index; } });
  last ||= log.snapshot?.index ?? 0;
  let saving;
  const next = async () => {
    for (;;) {
      const text = "x".repeat(Math.random() * 3000);
      const index = await log.append(text);
      process.stdout.write(index + " " + text.length + "\\n");
      if (index % 500 === 0) saving ??= log.saveSnapshot(index, Array(20).fill(String(index))).finally(() => { saving = undefined; });
    }
  };
  for (let at = 0; at < 8; at++) void next();
`;

/** Runs the appender, kills it after `ms`; what it had acknowledged: index to length of the entry. */
async function appendUntilKilled(t: TestContext, directory: string, ms: number) {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", "--input-type=module", "-e", APPENDER, directory],
    { stdio: ["ignore", "pipe", "inherit"], cwd: join(import.meta.dirname, "../..") },
  );
  t.after(() => child.kill("SIGKILL"));
  const acknowledged = new Map<number, number>();
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    const [index, length] = line.split(" ").map(Number);
    if (index !== undefined && length !== undefined) {
      assert.ok(!acknowledged.has(index), `index ${index} acknowledged twice`);
      acknowledged.set(index, length);
    }
  });
  const closed = once(child, "close");
  const ended = once(lines, "close");
  await once(lines, "line");
  await sleep(ms);
  child.kill("SIGKILL");
  await closed;
  await ended;
  return acknowledged;
}

test("after kill -9 at any moment every acknowledged entry is there, in order, none twice", async (t) => {
  const directory = temporary();
  let total = 0;
  for (let round = 0; round < 25; round++) {
    const acknowledged = await appendUntilKilled(t, directory, Math.random() * 150);
    total += acknowledged.size;
    await using log = EmbeddedLog.open(directory);
    const found = new Map<number, number>();
    for (const { index, data } of collect(log)) {
      assert.ok(!found.has(index), `index ${index} delivered twice`);
      found.set(index, data.length);
    }
    const base = log.snapshot?.index ?? 0;
    for (const chunk of log.snapshot?.chunks ?? []) assert.equal(chunk, String(base));
    assert.deepEqual([...found.keys()], Array.from(found.keys().map((_, at) => base + 1 + at)));
    for (const [index, length] of acknowledged)
      if (index > base) assert.equal(found.get(index), length, `round ${round}, index ${index}`);
  }
  t.diagnostic(`${total} acknowledged entries over 25 kills`);
});

test("a sync that fails: the batch is refused and never appears", async (t) => {
  const directory = await filled(3);
  const program = `
    import { EmbeddedLog } from "#log/embedded-log.ts";
    const log = EmbeddedLog.open(process.argv[1]);
    log.start({ deliver: () => {} });
    for (let at = 4; at < 200; at++)
      try {
        await log.append("entry " + at);
        console.log("kept " + at);
      } catch (error) {
        console.log(error.code + " " + at);
        process.kill(process.pid, "SIGKILL");
      }
  `;
  const child = spawn(
    "strace",
    [
      "-f",
      "-o",
      "/dev/null",
      "-e",
      "trace=fsync,fdatasync",
      "-e",
      "inject=fsync,fdatasync:error=EIO:when=20",
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      "--input-type=module",
      "-e",
      program,
      directory,
    ],
    { stdio: ["ignore", "pipe", "inherit"], cwd: join(import.meta.dirname, "../..") },
  );
  t.after(() => child.kill("SIGKILL"));
  const said: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => said.push(line));
  await once(child, "close");
  const failed = said.at(-1)?.match(/^LOG_IO (\d+)$/)?.[1];
  assert.ok(failed, said.at(-1));
  await using log = EmbeddedLog.open(directory);
  assert.deepEqual(
    dataOf(log),
    Array.from({ length: Number(failed) - 1 }, (_, at) => `entry ${at + 1}`),
  );
  assert.equal(await log.append("next"), Number(failed));
});
