import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import { type Clock, systemClock } from "#base/clock.ts";
import type { LogSnapshot } from "#log/core/log.ts";
import { DirectoryLock } from "#log/directory-lock.ts";
import { freePorts } from "#log/etcd-real.ts";
import { KeysServer } from "./keys-server.ts";
import { type Ground, type GroundOptions, openGround } from "./member-ground.ts";

const NEVER = new AbortController().signal;

async function directoryFor(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "keelson-ground-"));
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 10 }));
  return directory;
}

async function optionsFor(
  t: TestContext,
  log: "embedded" | "etcd",
  clock: Clock = systemClock,
): Promise<GroundOptions> {
  const [peer, client] = (await freePorts(2)).map((port) => `http://127.0.0.1:${port}`);
  assert.ok(peer !== undefined && client !== undefined);
  const etcd = { binary: "etcd", env: process.env, listenPeerUrls: [peer], tuning: {} };
  const urls = { clientURLs: [client], peerURLs: [peer] };
  const parts = { logger: pino({ level: "silent" }), clock, random: Math.random };
  const dataDir = await directoryFor(t);
  return { name: "a", dataDir, ...urls, token: "t", isJoining: false, log, etcd, ...parts };
}

/** Runs a member as long as `work` does. */
async function serve(
  options: GroundOptions,
  work: (server: KeysServer, ground: Ground) => Promise<void>,
): Promise<void> {
  await using ground = await openGround(options, NEVER);
  const parts = { clock: systemClock, random: Math.random, onFault: () => {} };
  await using server = new KeysServer(ground.log, parts);
  await work(server, ground);
}

async function put(server: KeysServer, key: string): Promise<void> {
  const timeMs = server.nowMs();
  await server.propose({ op: "set", key, value: "1", dir: false, timeMs }, NEVER);
}

const GROWN_NOT_ADDED = () => false;

test("a member whose etcd's data are lost does not begin an empty store", async (t) => {
  const options = await optionsFor(t, "etcd");
  const data = join(options.dataDir, "etcd");
  await serve(options, (server) => put(server, "/a"));
  await rm(join(data, "member"), { recursive: true });
  const refusal = {
    code: "LOG_CORRUPT",
    message: /holds nothing; .*etcdctl member remove [0-9a-f]+/,
  };
  await assert.rejects(openGround(options, NEVER), refusal);
  await mkdir(join(data, "member", "wal"), { recursive: true }); // which etcd takes for nothing, too
  await assert.rejects(openGround(options, NEVER), refusal);
  await rm(data, { recursive: true });
  await assert.rejects(openGround(options, NEVER), refusal);
  assert.ok(!existsSync(data));
});

test("old files that cannot be set aside do not keep a member from starting", async (t) => {
  const at = new Date();
  const options = await optionsFor(t, "etcd", { ...systemClock, now: () => at });
  await writeFile(join(options.dataDir, "log.db"), "");
  await mkdir(join(options.dataDir, `embedded-until-${at.toISOString().replaceAll(":", "")}`));
  await serve(options, (server) => put(server, "/a"));
});

test("a server that grows lets a backup be read, and its term does not fall, nor after a start", async (t) => {
  const options = await optionsFor(t, "embedded");
  for (let starts = 0; starts < 5; starts++) await serve(options, (server) => put(server, "/a"));
  let term = 0;
  await serve(options, async (server, ground) => {
    await put(server, "/b");
    ({ term } = server);
    assert.ok(term > 5);
    let taken: Promise<readonly LogSnapshot[]> | undefined;
    const takeState = () => {
      const both = [server.takeSnapshot(), server.takeSnapshot()] as const;
      taken = Promise.all(both);
      return both[1];
    };
    const peers = { openPeers: async () => {}, closePeers: async () => {} };
    ground.allowGrowth?.({ ...peers, takeState });
    await ground.membership.add(["http://127.0.0.1:1"], GROWN_NOT_ADDED);
    assert.ok(existsSync(join(options.dataDir, "etcd", "member")));
    const [backup, seed] = (await taken) ?? [];
    assert.deepEqual(backup, seed);
    assert.ok(server.term >= term);
  });
  await serve(options, async (server) => {
    assert.ok(server.term >= term, `${server.term} after ${term}`);
    await put(server, "/c");
  });
});

test("growth touches nothing in a directory that another process holds", async (t) => {
  const options = await optionsFor(t, "embedded");
  const others = join(options.dataDir, "etcd", "file");
  await serve(options, async (server, ground) => {
    await mkdir(join(options.dataDir, "etcd"));
    await writeFile(others, "");
    const takeState = () => server.takeSnapshot();
    ground.allowGrowth?.({ takeState, openPeers: async () => {}, closePeers: async () => {} });
    using _held = new DirectoryLock(options.dataDir);
    const refusal = await ground.membership.add(["http://127.0.0.1:1"], GROWN_NOT_ADDED);
    assert.match("message" in refusal ? refusal.message : "", /process \d+ uses it/);
    assert.ok(existsSync(others));
  });
});
