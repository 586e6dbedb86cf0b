import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { DirectoryLock } from "./directory-lock.ts";

const HOLD = `
  import { DirectoryLock } from ${JSON.stringify(join(import.meta.dirname, "directory-lock.ts"))};
  new DirectoryLock(process.argv[1]);
  process.stdout.write("held\\n");
  setInterval(() => {}, 1000);
`;

test("a directory is one process's at a time, and free when that was killed", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "keelson-lock-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const args = ["--input-type=module-typescript", "--eval", HOLD, directory];
  const holder = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(holder, "close");
  t.after(async () => {
    holder.kill("SIGKILL");
    await ended;
  });
  await once(holder.stdout, "data");
  assert.throws(() => new DirectoryLock(directory), {
    code: "ADDRESS_IN_USE",
    message: new RegExp(`process ${holder.pid} uses it`),
  });
  holder.kill("SIGKILL");
  await ended;
  const first = new DirectoryLock(directory);
  first[Symbol.dispose]();
  new DirectoryLock(directory)[Symbol.dispose]();
});
