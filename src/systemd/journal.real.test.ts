import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { followJournal, type JournalQuery, readJournal } from "#systemd/journal.ts";
import { openSystemd } from "#systemd/open-systemd.ts";
import { systemctlStatus } from "#systemd/systemctl-status.ts";
import { privateSystemdMissing, startPrivateSystemd } from "#test/support/private-systemd.ts";

const SKIP = privateSystemdMissing();
const LIMIT_MS = 30_000;

/** A manager whose unit talk.service says `line 1` and on, ten times a second. */
async function startTalker() {
  await using stack = new AsyncDisposableStack();
  const host = stack.use(await startPrivateSystemd());
  const signal = AbortSignal.timeout(LIMIT_MS);
  const systemd = stack.use(await openSystemd({ socketPath: host.socketPath }, signal));
  const path = join(host.root, "units/talk.service");
  await mkdir(join(host.root, "units"));
  const script = "i=0; while sleep 0.1; do i=$$((i+1)); echo line $$i; done";
  await writeFile(
    path,
    `[Unit]\nDescription=Talker\n[Service]\nExecStart=/bin/sh -c '${script}'\n`,
  );
  await systemd.linkUnitFiles([path], signal);
  await systemd.startUnit("talk.service", signal);
  const query: JournalQuery = {
    unit: "talk.service",
    scope: "user",
    directory: host.journalDir,
    env: host.env,
  };
  while ((await journalText(query, signal)) === "-- No entries --\n") await sleep(20);
  const owned = stack.move();
  return { host, systemd, signal, query, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function journalText(query: JournalQuery, signal: AbortSignal): Promise<string> {
  return (await Array.fromAsync(readJournal(query, signal))).join("");
}

/** How many journalctl processes this process has. */
async function journalctlChildren(): Promise<number> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/stat`, "utf8").catch(() => "")),
  );
  return stats.filter((stat) => new RegExp(`\\(journalctl\\) \\w ${process.pid} `).test(stat))
    .length;
}

test("followJournal() gives old and new lines, and its process ends with the loop", {
  skip: SKIP,
}, async () => {
  await using talker = await startTalker();
  const { query, signal } = talker;
  const seen: string[] = [];
  for await (const line of followJournal({ ...query, output: "cat", lines: 1_000 }, signal)) {
    seen.push(line);
    if (line === "line 5") break;
  }
  const said = seen.filter((line) => line.startsWith("line"));
  assert.deepEqual(said, ["line 1", "line 2", "line 3", "line 4", "line 5"]);
  assert.equal(await journalctlChildren(), 0);
});

test("followJournal() ends without error when aborted, and leaves no process", {
  skip: SKIP,
}, async () => {
  await using talker = await startTalker();
  const stop = new AbortController();
  const lines = followJournal(talker.query, AbortSignal.any([stop.signal, talker.signal]));
  for await (const line of lines) if (line.includes("line 2")) stop.abort();
  assert(stop.signal.aborted);
  assert.equal(await journalctlChildren(), 0);
  assert.deepEqual(await Array.fromAsync(followJournal(talker.query, stop.signal)), []);
});

test("readJournal() prints as journalctl does, the number of lines and format asked", {
  skip: SKIP,
}, async () => {
  await using talker = await startTalker();
  const { query, signal } = talker;
  for await (const line of followJournal(query, signal)) if (line.endsWith("line 3")) break;
  const all = await journalText(query, signal);
  assert.match(
    all,
    /^\w{3} \d\d \d\d:\d\d:\d\d keelson-test systemd\[\d+\]: Started talk\.service - Talker\.$/m,
  );
  assert.match(all, /^\w{3} \d\d \d\d:\d\d:\d\d keelson-test sh\[\d+\]: line 1$/m);
  const last = await journalText({ ...query, lines: 2, output: "cat" }, signal);
  assert.match(last, /^line \d+\nline \d+\n$/);
  const none = await journalText({ ...query, unit: "silent.service" }, signal);
  assert.equal(none, "-- No entries --\n");
});

test("readJournal() says why journalctl refuses", { skip: SKIP }, async () => {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const env = { PATH: process.env["PATH"] };
  const query = { unit: "a.service", scope: "system", env } as const;
  const mistakes = [
    [{ output: "nonsense" }, "Unknown output format 'nonsense'."],
    [{ since: "banana" }, "Failed to parse timestamp: banana"],
    [{ grep: "(" }, 'Bad pattern "(": missing closing parenthesis'],
  ] as const;
  for (const [mistake, reason] of mistakes) {
    const wrong = { ...query, ...mistake };
    const refusal = { code: "USAGE", message: `Cannot read the journal of a.service: ${reason}` };
    await assert.rejects(journalText(wrong, signal), refusal);
    await assert.rejects(Array.fromAsync(followJournal(wrong, signal)), refusal);
  }
  const missing = { ...query, directory: "/nowhere" };
  await assert.rejects(journalText(missing, signal), { code: "SYSTEMD_FAILED" });
  await assert.rejects(journalText({ ...query, env: { PATH: "/nowhere" } }, signal), {
    code: "SYSTEMD_MISSING",
  });
});

test("systemctlStatus() gives the text and the exit status", { skip: SKIP }, async () => {
  await using talker = await startTalker();
  const { host, systemd, signal } = talker;
  const status = (unit: string) => systemctlStatus(unit, { scope: "user", env: host.env }, signal);
  const running = await status("talk.service");
  assert.equal(running.exitStatus, 0);
  assert.match(running.stdout, /^● talk\.service - Talker\n\s+Loaded: loaded .*linked-runtime/);
  assert.match(running.stdout, /Active: active \(running\)/);
  await systemd.stopUnit("talk.service", signal);
  const stopped = await status("talk.service");
  assert.equal(stopped.exitStatus, 3);
  assert.match(stopped.stdout, /Active: inactive \(dead\)/);
  const missing = await status("no.service");
  assert.equal(missing.exitStatus, 4);
  assert.match(missing.stderr, /no\.service could not be found/);
  await host.kill();
  await assert.rejects(status("talk.service"), { code: "SYSTEMD_MISSING" });
});

test("readJournal() has what a unit with another user prints", { skip: SKIP }, async () => {
  await using talker = await startTalker();
  const { host, systemd, signal, query } = talker;
  const path = join(host.root, "units/other.service");
  await writeFile(
    path,
    "[Service]\nUser=nobody\nExecStart=/bin/sh -c 'while sleep 0.1; do echo as $$(id -u); done'\n",
  );
  await systemd.linkUnitFiles([path], signal);
  await systemd.startUnit("other.service", signal);
  const other = { ...query, unit: "other.service", output: "cat" };
  while (!/^as \d+$/m.test(await journalText(other, signal))) await sleep(50);
});
