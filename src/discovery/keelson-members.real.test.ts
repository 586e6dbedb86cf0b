import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { freePort, startRealEtcd } from "#keys/real-etcd.ts";
import { type ServerProcess, startServer } from "#test/support/server.ts";
import { eventually, memberNames, put } from "./etcd-for-tests.ts";
import { startService } from "./service-for-tests.ts";

async function start(t: TestContext, directory: string, name: string, url: string) {
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  return startWith(t, join(directory, name), name, url, peerUrl);
}

async function startWith(
  t: TestContext,
  dataDir: string,
  name: string,
  url: string,
  peerUrl: string,
): Promise<ServerProcess> {
  const args = ["--name", name, "--discovery", url];
  const server = await startServer({ dataDir, peerUrl, args });
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

async function temporary(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "keelson-members-"));
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

const isWritten = (status: number) => status === 200 || status === 201;
const isWhole = (names: string) => names === "one,three,two";

test("three keelson etcd2 find each other by our service; a fourth is a proxy; one that lost its disk comes back", async (t) => {
  const directory = await temporary(t);
  await using service = await startService();
  const url = await service.newToken(3);
  const servers: ServerProcess[] = [];
  for (const name of ["one", "two", "three"]) servers.push(await start(t, directory, name, url));
  for (const server of servers) await server.ready();
  const [first, , third] = servers as [ServerProcess, ServerProcess, ServerProcess];
  assert.ok(isWritten(await put(first.url, "seen")));
  await eventually("members", () => memberNames(third.url), isWhole);

  const proxy = await start(t, directory, "four", url);
  await eventually("a write through the proxy", () => put(proxy.url, "seen"), isWritten);
  assert.equal(await memberNames(proxy.url), "one,three,two");

  await third.stop("SIGKILL");
  await rm(third.dataDir, { recursive: true, force: true });
  const back = await startWith(t, third.dataDir, "three", url, third.peerUrl);
  await back.ready();
  await eventually("members", () => memberNames(back.url), isWhole);
  const read = await fetch(`${back.url}/v2/keys/seen`);
  assert.equal(read.status, 200);
});

test("three keelson etcd2 find each other by a genuine etcd's keys; one is stopped while it waits", async (t) => {
  const directory = await temporary(t);
  await using place = await startRealEtcd();
  const url = `${place.clientUrl}/v2/keys/_etcd/registry/${crypto.randomUUID()}`;
  const body = new URLSearchParams({ value: "3" });
  await fetch(`${url}/_config/size`, { method: "PUT", body });
  const stopped = await start(t, directory, "one", url);
  const entries = async () => {
    const answer = await fetch(url);
    return ((await answer.json()) as { node: { nodes?: unknown[] } }).node.nodes?.length;
  };
  await eventually("its entry", entries, (count) => count === 1);
  await stopped.stop("SIGKILL");
  const others = [await start(t, directory, "two", url), await start(t, directory, "three", url)];
  await eventually("their entries", entries, (count) => count === 3);
  const again = await startWith(t, stopped.dataDir, "one", url, stopped.peerUrl);
  for (const server of [again, ...others]) {
    await server.ready();
    await eventually("members", () => memberNames(server.url), isWhole);
  }
});
