import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { TestAuthority } from "#base/tls-for-tests.ts";
import {
  type EtcdClient,
  type EtcdEvent,
  type EtcdWatch,
  GRPC,
  prefixEnd,
} from "#log/etcd-client.ts";
import { openEtcdClient } from "#log/etcd-grpc-client.ts";
import { openCluster } from "#log/etcd-real.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array) => new TextDecoder().decode(value);

/** The next `count` events. */
async function take(client: EtcdClient, watch: EtcdWatch, count: number, signal: AbortSignal) {
  const events: EtcdEvent[] = [];
  for await (const answer of client.watch(watch, signal)) {
    if (answer.kind === "events") events.push(...answer.events);
    if (events.length >= count) break;
  }
  return events;
}

test("keys, transactions, watches, leases and members of a real etcd", async () => {
  await using cluster = await openCluster(1);
  await using client = openEtcdClient({ endpoints: [cluster.endpoint(0)] });
  const signal = AbortSignal.timeout(60_000);
  const options = { signal };

  const { revision, clusterId, raftTerm } = await client.put(
    { key: "a/1", value: bytes("one") },
    options,
  );
  assert.ok(raftTerm >= 2 && /^[1-9a-f][0-9a-f]*$/.test(clusterId));
  const created = { key: "a/1", target: "createRevision", result: "equal", revision: 0 } as const;
  const put = { op: "put", key: "a/2", value: bytes("two") } as const;
  const look = { op: "range", key: "a/", end: prefixEnd("a/") } as const;
  const no = await client.txn({ compare: [created], success: [put], failure: [look] }, options);
  assert.equal(no.succeeded, false);
  assert.deepEqual(
    no.ranges.map((kvs) => kvs.map(({ key, value }) => [key, text(value)])),
    [[["a/1", "one"]]],
  );
  const unmoved = {
    key: "a/1",
    target: "modRevision",
    result: "less",
    revision: revision + 1,
  } as const;
  const yes = await client.txn({ compare: [unmoved], success: [put] }, options);
  assert.equal(yes.succeeded, true);
  const page = await client.range({ ...look, limit: 1, keysOnly: true }, options);
  assert.deepEqual(
    [page.kvs.map((kv) => [kv.key, kv.value.length, kv.modRevision]), page.more],
    [[["a/1", 0, revision]], true],
  );

  const watch = { key: "a/", end: prefixEnd("a/"), startRevision: revision };
  assert.equal(await client.deleteRange({ key: "a/1" }, options), 1);
  await client.put({ key: "a/3", value: new Uint8Array() }, options);
  const kinds = async (events: Promise<EtcdEvent[]>) =>
    (await events).map(({ type, kv }) => `${type} ${kv.key}`);
  assert.deepEqual(await kinds(take(client, watch, 4, signal)), [
    "put a/1",
    "put a/2",
    "delete a/1",
    "put a/3",
  ]);
  assert.deepEqual(await kinds(take(client, { ...watch, putsOnly: true }, 3, signal)), [
    "put a/1",
    "put a/2",
    "put a/3",
  ]);

  const big = new Uint8Array(1 << 20).fill(65);
  for (let at = 0; at < 8; at++) await client.put({ key: `big/${at}`, value: big }, options);
  const bigWatch = { key: "big/", end: prefixEnd("big/"), startRevision: 1 };
  assert.equal((await take(client, bigWatch, 8, signal)).length, 8);
  assert.equal((await client.range({ key: "big/", end: "big0" }, options)).kvs.length, 8);
  await assert.rejects(client.put({ key: "x", value: new Uint8Array(1.6e6) }, options), {
    name: "EtcdError",
    code: GRPC.INVALID_ARGUMENT,
    mayHaveHappened: false,
    message: "etcdserver: request is too large",
  });

  await client.compact(yes.header.revision + 1, options);
  for await (const answer of client.watch(watch, signal))
    if (answer.kind === "compacted") assert.equal(answer.compactRevision, yes.header.revision + 1);
  await assert.rejects(client.range({ ...look, revision: 1 }, options), {
    code: GRPC.OUT_OF_RANGE,
  });

  const lease = await client.grantLease(2_000, options);
  assert.ok(lease.ttlMs >= 2_000);
  await client.put({ key: "held", value: bytes(""), lease: lease.id }, options);
  assert.equal(await client.keepLeaseAlive(lease.id, options), lease.ttlMs);
  await client.revokeLease(lease.id, options);
  assert.equal(await client.keepLeaseAlive(lease.id, options), 0);
  assert.equal((await client.range({ key: "held" }, options)).kvs.length, 0);

  const { members, header } = await client.memberList(options);
  const status = await client.status(options);
  assert.deepEqual(
    [members.length, members[0]?.id, status.leader, status.version],
    [1, header.memberId, header.memberId, "3.4.23"],
  );
  assert.ok(status.dbSizeBytes > 0 && status.raftTerm === raftTerm);
  await client.memberUpdate(header.memberId, members[0]?.peerURLs ?? [], options);
  let sizeBytes = 0;
  for await (const piece of client.snapshot(signal)) sizeBytes += piece.length;
  assert.ok(sizeBytes > 8 << 20);
  await client.defragment(options);
});

test("another endpoint is asked after one failed; waits end with their signal and their limit", async () => {
  await using cluster = await openCluster(1);
  const dead = "http://127.0.0.1:9"; // discard: nothing listens there
  await using client = openEtcdClient({ endpoints: [dead, cluster.endpoint(0)] });
  const signal = AbortSignal.timeout(60_000);
  await assert.rejects(client.range({ key: "a" }, { signal }), { code: GRPC.UNAVAILABLE });
  await client.range({ key: "a" }, { signal });

  await cluster.pause(0);
  const put = { key: "a", value: bytes("") };
  await assert.rejects(client.put(put, { signal, timeoutMs: 300 }), {
    code: GRPC.DEADLINE_EXCEEDED,
    mayHaveHappened: true,
  });
  const reason = new Error("no longer asked");
  const abort = new AbortController();
  await using second = openEtcdClient({ endpoints: [cluster.endpoint(0)] });
  const asked = second.put(put, { signal: abort.signal });
  const watched = take(second, { key: "a", startRevision: 1 }, 1, abort.signal);
  abort.abort(reason);
  await assert.rejects(asked, reason);
  await assert.rejects(watched, reason);
  cluster.resume(0);
});

test("a server is asked by TLS with a certificate, and not without", async () => {
  using authority = new TestAuthority();
  const files = { ...authority.issue("both"), caFile: authority.caFile };
  await using cluster = await openCluster(1, { tls: files });
  const endpoints = [cluster.secureEndpoint(0)] as const;
  const ca = readFileSync(files.caFile);
  const own = { cert: readFileSync(files.certFile), key: readFileSync(files.keyFile) };
  const signal = AbortSignal.timeout(60_000);
  await using client = openEtcdClient({ endpoints, tls: { ca, ...own } });
  assert.equal((await client.put({ key: "a", value: bytes("1") }, { signal })).revision, 2);
  for (const tls of [{ ca }, own]) {
    await using refused = openEtcdClient({ endpoints, tls });
    await assert.rejects(refused.range({ key: "a" }, { signal }), { code: GRPC.UNAVAILABLE });
  }
});
