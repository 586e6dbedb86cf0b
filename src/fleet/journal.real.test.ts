import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startMember } from "#keys/member-for-tests.ts";
import { type Daemon, startDaemon, unit, until } from "#test/support/fleet-daemon.ts";
import { privateSystemdMissing } from "#test/support/private-systemd.ts";

const skip = privateSystemdMissing();
const signal = AbortSignal.timeout(300_000);
const MAIN = fileURLToPath(new URL("../cli/main.ts", import.meta.url));
const TALK =
  "/bin/sh -c 'for i in 1 2 3; do echo early $i; done; while sleep 0.2; do echo tick; done'";

function journal({ systemd }: Daemon, ...args: string[]) {
  const endpoint = `unix://${systemd.root}/run/fleet.sock`;
  const argv = [MAIN, "fleetctl", `--endpoint=${endpoint}`, "journal", ...args];
  return spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "pipe"] });
}

async function read(daemon: Daemon, ...args: string[]) {
  const child = journal(daemon, ...args);
  const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
  const [status] = (await once(child, "close")) as [number];
  return { status, stdout: await stdout, stderr: await stderr };
}

/** Whether a journalctl of that unit is there. */
async function isRead(name: string): Promise<boolean> {
  const pids = (await readdir("/proc")).filter((pid) => /^\d+$/.test(pid));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return lines.some((line) => line.startsWith("journalctl\0") && line.includes(name));
}

test("fleetctl journal finds lines on every machine, and follows a unit that moves until Ctrl-C", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const both = [await startDaemon(t, store), await startDaemon(t, store)];
  const [first, second] = both as [Daemon, Daemon];
  const name = `talk${Math.floor(Math.random() * 1e9)}.service`;
  const all = `all${Math.floor(Math.random() * 1e9)}.service`;
  await first.client.setUnit(unit(name, TALK), signal);
  await first.client.setUnit(unit(all, TALK, ["Global=true"]), signal);
  const hostOf = async () => (await first.client.getUnit(name, signal))?.machineID;
  await until("both units talk", async () => {
    const { stdout } = await read(first, "--grep=tick", "--lines=20", name, all);
    return stdout.includes("tick") && (await first.client.listStates({}, signal)).length === 3;
  });
  const host = both.find(({ id }) => id === first.id)!;
  const other = second;
  assert.ok(host && other);

  const grep = await read(second, "--output=cat", "--grep=early [13]", name);
  assert.equal(grep.stdout, "early 1\nearly 3\n");
  const future = await read(second, "--since=tomorrow", name);
  assert.match(future.stdout, /^(-- No entries --\n)?$/);
  const bad = await read(second, "--since=soon", name);
  assert.equal(bad.status, 1);
  assert.match(bad.stderr, /Error retrieving journal of unit .*timestamp.*soon/i);
  await until("both machines' lines are merged", async () => {
    const { stdout } = await read(first, "--lines=3", all);
    const machines = new Set(
      stdout.split("\n").flatMap((line) => /^(\S+) \|/.exec(line)?.[1] ?? []),
    );
    return machines.size === 2;
  });

  const follower = journal(second, "-f", name);
  t.after(() => follower.kill("SIGKILL"));
  let [out, err] = ["", ""];
  follower.stdout.on("data", (chunk) => (out += chunk));
  follower.stderr.on("data", (chunk) => (err += chunk));
  await until("it follows", async () => out.includes("tick") && (await isRead(name)));
  const from = (await hostOf())!;
  const to = both.map(({ id }) => id).find((id) => id !== from)!;
  await first.client.moveUnit(name, { machineID: to, force: true, by: "t", why: "test" }, signal);
  await until("it follows to the other machine", async () => {
    const moved = err.indexOf(`moved from ${from.slice(0, 8)}... to ${to.slice(0, 8)}...`);
    return moved >= 0 && out.lastIndexOf("early 3") > out.indexOf("tick");
  });
  const seen = out.length;
  await until("new lines come", async () => out.length > seen);
  follower.kill("SIGINT");
  await once(follower, "exit");
  await until("no journalctl is left", async () => !(await isRead(name)));
});
