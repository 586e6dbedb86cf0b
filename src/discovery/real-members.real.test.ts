import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { memberId } from "#keys/member.ts";
import { freePort, startRealEtcd } from "#keys/real-etcd.ts";
import { startService } from "./service-for-tests.ts";

const LIMIT_MS = 120_000;

interface Server {
  readonly child: ChildProcess;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly output: () => string;
  readonly ended: Promise<unknown>;
}

/** A genuine etcd 3.4 that finds its cluster through `discovery`. */
async function startEtcd(
  t: TestContext,
  name: string,
  discovery: string,
  more: { readonly fallback?: string; readonly peerPort?: number } = {},
): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), "discovered-etcd-"));
  const clientUrl = `http://127.0.0.1:${await freePort()}`;
  const peerUrl = `http://127.0.0.1:${more.peerPort ?? (await freePort())}`;
  const flags = {
    "--name": name,
    "--data-dir": directory,
    "--enable-v2": "true",
    "--listen-client-urls": clientUrl,
    "--advertise-client-urls": clientUrl,
    "--listen-peer-urls": peerUrl,
    "--initial-advertise-peer-urls": peerUrl,
    "--discovery": discovery,
    "--discovery-fallback": more.fallback ?? "exit",
  };
  const args = Object.entries(flags).map(([flag, value]) => `${flag}=${value}`);
  const child = spawn("etcd", args, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, "close");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  return { child, clientUrl, peerUrl, output: () => text, ended };
}

/** Reads until `isRight`, within a generous limit. */
async function eventually<T>(
  what: string,
  read: () => Promise<T>,
  isRight: (value: T) => boolean,
): Promise<T> {
  const untilMs = performance.now() + LIMIT_MS;
  let last: unknown;
  while (performance.now() < untilMs) {
    try {
      const value = await read();
      if (isRight(value)) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await sleep(100);
  }
  assert.fail(`${what}: not within ${LIMIT_MS} ms; last ${String(last)}`);
}

async function memberNames(clientUrl: string): Promise<string> {
  const answer = await fetch(`${clientUrl}/v2/members`, { signal: AbortSignal.timeout(5_000) });
  const { members } = (await answer.json()) as { members: { name: string }[] };
  return members
    .map(({ name }) => name)
    .toSorted()
    .join();
}

async function put(clientUrl: string): Promise<number> {
  const answer = await fetch(`${clientUrl}/v2/keys/seen`, {
    method: "PUT",
    body: new URLSearchParams({ value: "yes" }),
    signal: AbortSignal.timeout(5_000),
  });
  return answer.status;
}

test("three real etcds form a cluster, a fourth becomes a proxy, a fifth is told that it is full", async (t) => {
  await using service = await startService();
  const url = await service.newToken(3);
  const servers: Server[] = [];
  for (const name of ["one", "two", "three"]) servers.push(await startEtcd(t, name, url));
  for (const { clientUrl } of servers)
    await eventually(
      "members",
      () => memberNames(clientUrl),
      (names) => names === "one,three,two",
    );
  for (const { peerUrl } of servers)
    assert.equal((await fetch(`${url}/${memberId([peerUrl], url)}`)).status, 200);
  const [first] = servers;
  assert.ok(first);
  await eventually(
    "a write",
    () => put(first.clientUrl),
    (status) => status === 201 || status === 200,
  );

  const proxy = await startEtcd(t, "four", url, { fallback: "proxy" });
  await eventually(
    "a write through the proxy",
    () => put(proxy.clientUrl),
    (status) => status === 200,
  );

  const extra = await startEtcd(t, "five", url);
  await extra.ended;
  assert.match(extra.output(), /cluster is full/);
});

test("a waiting etcd sees a machine come back under another address before the cluster is full", async (t) => {
  await using service = await startService();
  const url = await service.newToken(3);
  const one = await startEtcd(t, "one", url);
  const lost = await startEtcd(t, "two", url);
  await eventually(
    "two slots",
    () => slots(url),
    (found) => found.length === 2,
  );
  lost.child.kill("SIGKILL");
  await lost.ended;
  const back = await startEtcd(t, "two", url);
  await eventually(
    "the new slot",
    () => slots(url),
    (found) => found.includes(`two=${back.peerUrl}`) && found.length === 2,
  );
  const three = await startEtcd(t, "three", url);
  for (const { clientUrl } of [one, back, three])
    await eventually(
      "members",
      () => memberNames(clientUrl),
      (names) => names === "one,three,two",
    );
});

test("an etcd that was stopped while it waited takes its own slot again", async (t) => {
  await using service = await startService();
  const url = await service.newToken(2);
  const stopped = await startEtcd(t, "one", url);
  await eventually(
    "its slot",
    () => slots(url),
    (found) => found.length === 1,
  );
  stopped.child.kill("SIGKILL");
  await stopped.ended;
  const again = await startEtcd(t, "one", url, { peerPort: Number(new URL(stopped.peerUrl).port) });
  const two = await startEtcd(t, "two", url);
  for (const { clientUrl } of [again, two])
    await eventually(
      "members",
      () => memberNames(clientUrl),
      (names) => names === "one,two",
    );
});

test("the tokens can be kept in a genuine etcd, and outlive the service", async (t) => {
  await using store = await startRealEtcd();
  const kept = { kind: "etcd", endpoints: [store.clientUrl] } as const;
  const before = await startService({ store: kept });
  const url = await before.newToken(2);
  const one = await startEtcd(t, "one", url);
  await eventually(
    "its slot",
    () => slots(url),
    (found) => found.length === 1,
  );
  await before[Symbol.asyncDispose]();
  await using _after = await startService({ store: kept }, Number(new URL(url).port));
  const two = await startEtcd(t, "two", url);
  for (const { clientUrl } of [one, two])
    await eventually(
      "members",
      () => memberNames(clientUrl),
      (names) => names === "one,two",
    );
});

async function slots(url: string): Promise<string[]> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  const { node } = (await answer.json()) as { node: { nodes?: { value: string }[] } };
  return (node.nodes ?? []).map(({ value }) => value);
}
