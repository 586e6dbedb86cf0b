import assert from "node:assert/strict";
import { test } from "node:test";
import { memberId } from "#keys/member.ts";
import { startRealEtcd } from "#keys/real-etcd.ts";
import { type DiscoveredEtcd, eventually, memberNames, put, startEtcd } from "./etcd-for-tests.ts";
import { startService } from "./service-for-tests.ts";

test("three real etcds form a cluster, a fourth becomes a proxy, a fifth is told that it is full", async (t) => {
  await using service = await startService();
  const url = await service.newToken(3);
  const servers: DiscoveredEtcd[] = [];
  for (const name of ["one", "two", "three"])
    servers.push(await startEtcd(t, name, { discovery: url }));
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
    () => put(first.clientUrl, "seen"),
    (status) => status === 201 || status === 200,
  );

  const proxy = await startEtcd(t, "four", { discovery: url, fallback: "proxy" });
  await eventually(
    "a write through the proxy",
    () => put(proxy.clientUrl, "seen"),
    (status) => status === 200,
  );

  const extra = await startEtcd(t, "five", { discovery: url });
  await extra.ended;
  assert.match(extra.output(), /cluster is full/);
});

test("a waiting etcd sees a machine come back under another address before the cluster is full", async (t) => {
  await using service = await startService();
  const url = await service.newToken(3);
  const one = await startEtcd(t, "one", { discovery: url });
  const lost = await startEtcd(t, "two", { discovery: url });
  await eventually(
    "two slots",
    () => slots(url),
    (found) => found.length === 2,
  );
  lost.child.kill("SIGKILL");
  await lost.ended;
  const back = await startEtcd(t, "two", { discovery: url });
  await eventually(
    "the new slot",
    () => slots(url),
    (found) => found.includes(`two=${back.peerUrl}`) && found.length === 2,
  );
  const three = await startEtcd(t, "three", { discovery: url });
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
  const stopped = await startEtcd(t, "one", { discovery: url });
  await eventually(
    "its slot",
    () => slots(url),
    (found) => found.length === 1,
  );
  stopped.child.kill("SIGKILL");
  await stopped.ended;
  const again = await startEtcd(t, "one", {
    discovery: url,
    peerPort: Number(new URL(stopped.peerUrl).port),
  });
  const two = await startEtcd(t, "two", { discovery: url });
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
  const one = await startEtcd(t, "one", { discovery: url });
  // Before that it ends by itself when its service goes away, as from any other.
  await eventually(
    "it waits",
    async () => one.output(),
    (said) => said.includes("found self"),
  );
  await before[Symbol.asyncDispose]();
  await using _after = await startService({ store: kept }, Number(new URL(url).port));
  const two = await startEtcd(t, "two", { discovery: url });
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
