import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { openLogger } from "#base/logger.ts";
import { memberId } from "#keys/member.ts";
import { freePort, startRealEtcd } from "#keys/real-etcd.ts";
import { findCluster, type Joined, type JoinOptions, joinCluster } from "./join-cluster.ts";
import { startService, type TestService } from "./service-for-tests.ts";

const LIMIT_MS = 60_000;
const shared = { clock: systemClock, random: Math.random, logger: openLogger("silent") };

function join(
  url: string,
  name: string,
  port: number,
  more: Partial<JoinOptions> & { readonly signal?: AbortSignal } = {},
): Promise<Joined> {
  const { signal = AbortSignal.timeout(LIMIT_MS), ...options } = more;
  return joinCluster(
    { url, name, peerURLs: [`http://127.0.0.1:${port}`], ...shared, ...options },
    signal,
  );
}

function namesOf(cluster: ReadonlyMap<string, readonly string[]>): string {
  return [...cluster]
    .map(([name, urls]) => `${name}=${urls.join()}`)
    .toSorted()
    .join(" ");
}

async function eventually(read: () => Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + LIMIT_MS;
  while (!(await read())) {
    assert.ok(performance.now() < untilMs, "not within the limit");
    await sleep(20);
  }
}

async function values(url: string): Promise<string[]> {
  const answer = await fetch(url);
  const { node } = (await answer.json()) as { node: { nodes?: { value: string }[] } };
  return (node.nodes ?? []).map(({ value }) => value);
}

interface Place extends AsyncDisposable {
  newToken(size: number): Promise<string>;
}

/** The protocol as etcd's own documentation has it: keys of an etcd's v2 API. */
async function startGenuine(): Promise<Place> {
  const etcd = await startRealEtcd();
  return {
    async newToken(size) {
      const url = `${etcd.clientUrl}/v2/keys/_etcd/registry/${crypto.randomUUID()}`;
      const body = new URLSearchParams({ value: String(size) });
      await fetch(`${url}/_config/size`, { method: "PUT", body });
      return url;
    },
    [Symbol.asyncDispose]: () => etcd[Symbol.asyncDispose](),
  };
}

const places: Readonly<Record<string, () => Promise<Place>>> = {
  "our service": startService,
  "a genuine etcd's keys": startGenuine,
};

for (const [where, start] of Object.entries(places)) {
  test(`at ${where}: members find each other, who comes later is told who they are`, async () => {
    await using place = await start();
    const url = await place.newToken(3);
    const looking = findCluster({ url, ...shared }, AbortSignal.timeout(LIMIT_MS));
    const joined = await Promise.all(["a", "b", "c"].map((name, i) => join(url, name, 10_001 + i)));
    const expected = "a=http://127.0.0.1:10001 b=http://127.0.0.1:10002 c=http://127.0.0.1:10003";
    for (const one of joined) {
      assert.equal(one.kind, "member");
      assert.equal(namesOf(one.cluster), expected);
      assert.ok(one.kind === "member" && one.token === url && !one.isReturning);
    }
    const late = await join(url, "d", 10_004);
    assert.equal(late.kind, "full");
    assert.equal(namesOf(late.cluster), expected);
    assert.equal(namesOf(await looking), expected);
    assert.equal((await values(url)).length, 3);
  });

  test(`at ${where}: a machine that comes back has its slot, with its old address or a new one`, async () => {
    await using place = await start();
    const url = await place.newToken(2);
    await Promise.all([join(url, "a", 10_001), join(url, "b", 10_002)]);
    const same = await join(url, "a", 10_001);
    assert.ok(same.kind === "member" && same.isReturning);
    assert.equal(namesOf(same.cluster), "a=http://127.0.0.1:10001 b=http://127.0.0.1:10002");
    const moved = await join(url, "a", 10_009);
    assert.ok(moved.kind === "member" && moved.isReturning);
    assert.equal(namesOf(moved.cluster), "a=http://127.0.0.1:10009 b=http://127.0.0.1:10002");
    const renamed = await join(url, "z", 10_009);
    assert.equal(namesOf(renamed.cluster), "b=http://127.0.0.1:10002 z=http://127.0.0.1:10009");
  });

  test(`at ${where}: of two machines with one name the first is told, and does not fight`, async () => {
    await using place = await start();
    const url = await place.newToken(2);
    const first = join(url, "a", 10_001);
    await Promise.all([
      assert.rejects(first, {
        code: "DISCOVERY_REFUSED",
        message: /another machine, http:\/\/127\.0\.0\.1:10002, registered as a/,
      }),
      (async () => {
        await eventually(async () => (await values(url)).length === 1);
        const second = join(url, "a", 10_002);
        await eventually(async () => (await values(url)).join().includes("10002"));
        await join(url, "b", 10_003);
        assert.equal((await second).cluster.size, 2);
      })(),
    ]);
  });
}

test("what the service cannot know is said at once", async () => {
  await using service = await startService();
  await using genuine = await startGenuine();
  const emptySize = await genuine.newToken(0);
  const cases: [url: string, says: RegExp][] = [
    [`${service.url}/${"0".repeat(32)}`, /no such token; .* ask for a new one/],
    [`${service.url}/nowhere`, /no discovery service \(HTTP status 404/],
    [`${service.url}/robots.txt`, /no discovery service \(HTTP status 404/],
    [emptySize, /its size is "0"/],
  ];
  for (const [url, says] of cases)
    await assert.rejects(join(url, "a", 10_001), { code: "DISCOVERY_REFUSED", message: says });
  for (const url of ["nonsense", "http://127.0.0.1:1", "http://127.0.0.1:1/?x", "unix:///x/y"])
    await assert.rejects(join(url, "a", 10_001), { code: "CONFIG_INVALID" });
});

test("a name that stands there twice, or a strange entry, is hopeless", async () => {
  await using genuine = await startGenuine();
  for (const [strange, says] of [
    ["b=http://127.0.0.1:1", /two machines there are called b/],
    ["nonsense", /its entry ffff is "nonsense"/],
  ] as const) {
    const url = await genuine.newToken(3);
    const put = (id: string, value: string) =>
      fetch(`${url}/${id}`, { method: "PUT", body: new URLSearchParams({ value }) });
    await put("eeee", "b=http://127.0.0.1:2");
    await put("ffff", strange);
    await assert.rejects(join(url, "a", 10_001), { code: "DISCOVERY_REFUSED", message: says });
  }
});

test("a service that is not there yet, or goes away, is waited for", async () => {
  const port = await freePort();
  await using kept = await startGenuineStore();
  const early = join(`http://127.0.0.1:${port}/x`, "z", 10_000, {
    signal: AbortSignal.timeout(LIMIT_MS),
  });
  early.catch(() => {}); // ends by the unknown token, below
  let service: TestService = await startService({ store: kept.store }, port);
  const url = await service.newToken(2);
  await assert.rejects(early, { code: "DISCOVERY_REFUSED" });
  const first = join(url, "a", 10_001);
  await eventually(async () => (await values(url)).length === 1);
  await service[Symbol.asyncDispose]();
  const second = join(url, "b", 10_002);
  service = await startService({ store: kept.store }, port);
  try {
    assert.equal(namesOf((await first).cluster), namesOf((await second).cluster));
  } finally {
    await service[Symbol.asyncDispose]();
  }
});

async function startGenuineStore() {
  const etcd = await startRealEtcd();
  const store = { kind: "etcd", endpoints: [etcd.clientUrl] } as const;
  return { store, [Symbol.asyncDispose]: () => etcd[Symbol.asyncDispose]() };
}

test("an abort ends the wait with its reason", async () => {
  await using service = await startService();
  const url = await service.newToken(2);
  const end = new AbortController();
  const joining = join(url, "a", 10_001, { signal: end.signal });
  await eventually(async () => (await values(url)).length === 1);
  end.abort(new Fault("TIMED_OUT", "enough"));
  await assert.rejects(joining, { message: "enough" });
});

test("the entry is that of an etcd with this address: a real one, registered before, is known", async () => {
  await using service = await startService();
  const url = await service.newToken(1);
  const peerURLs = ["http://127.0.0.1:10002", "http://127.0.0.1:10001"];
  await joinCluster({ url, name: "a", peerURLs, ...shared }, AbortSignal.timeout(LIMIT_MS));
  const answer = await fetch(`${url}/${memberId(peerURLs, url)}`);
  assert.equal(answer.status, 200);
  const { node } = (await answer.json()) as { node: { value: string } };
  assert.equal(node.value, "a=http://127.0.0.1:10001,a=http://127.0.0.1:10002");
});

test("a note in the data directory tells a machine that starts again from one that lost its data", async (t) => {
  const directory = await mkdtemp(joinPath(tmpdir(), "keelson-note-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await using service = await startService();
  const url = await service.newToken(2);
  const notePath = joinPath(directory, "data", "discovery");
  const end = new AbortController();
  const stopped = join(url, "a", 10_001, { notePath, signal: end.signal });
  await eventually(async () => (await values(url)).length === 1);
  end.abort(new Error("stopped"));
  await assert.rejects(stopped, { message: "stopped" });
  await join(url, "b", 10_002);
  const again = await join(url, "a", 10_001, { notePath });
  assert.ok(again.kind === "member" && !again.isReturning);
  const lost = await join(url, "a", 10_001);
  assert.ok(lost.kind === "member" && lost.isReturning);
});

test("discovery-proxy: requests go through it", async (t) => {
  await using service = await startService();
  const url = await service.newToken(1);
  const proxy = await startHttpProxy(t);
  const joined = await join(url, "a", 10_001, { proxy: proxy.url });
  assert.equal(joined.kind, "member");
  assert.ok(proxy.passed.includes(`PUT ${url}`), proxy.passed.join("; "));
});

async function startHttpProxy(t: TestContext) {
  const passed: string[] = [];
  const server = createServer((req, res) => {
    const target = new URL(req.url ?? "");
    passed.push(`${req.method} ${target.origin}${target.pathname.replace(/\/[^/]{1,16}$/, "")}`);
    const { method = "GET", headers } = req;
    const onward = request(target, { method, headers }, (answer) => {
      res.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(res);
    });
    onward.on("error", () => res.destroy());
    req.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, passed };
}

test("a service that does not speak TLS is no service, however often it is asked by https", async (t) => {
  const server = createServer((_, answer) => answer.end());
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await assert.rejects(join(`https://127.0.0.1:${port}/token`, "a", 1), {
    code: "DISCOVERY_REFUSED",
    message: /it does not speak TLS; use http:/,
  });
});

test("where nothing answers, the log speaks of a discovery service", async () => {
  const port = await freePort();
  const told: unknown[] = [];
  const stop = new AbortController();
  const logger = {
    ...shared.logger,
    warn: ({ err }: { err: unknown }) => {
      told.push(err);
      stop.abort();
    },
  } as unknown as JoinOptions["logger"];
  const url = `http://127.0.0.1:${port}/token`;
  await assert.rejects(join(url, "a", 1, { logger, signal: stop.signal }));
  assert.match(
    String(told[0]),
    /no discovery service answers \(.*ECONNREFUSED.*\); check its address and port/,
  );
});
