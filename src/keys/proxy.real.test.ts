import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Clock, systemClock } from "#base/clock.ts";
import { FakeClock } from "#base/fake-clock.ts";
import type { Address } from "#base/listen.ts";
import { openLogger } from "#base/logger.ts";
import { openKeysClient } from "./client.ts";
import { testKeysConformance } from "./keys-conformance.ts";
import { runProxy } from "./proxy.ts";
import { readProxyPeers, writeProxyPeers } from "./proxy-memory.ts";
import { freePort, type RealEtcd, startRealEtcd } from "./real-etcd.ts";

async function startProxy(
  peers: string[],
  readonly = false,
  clock: Clock = systemClock,
  logger = openLogger("silent"),
  cors: readonly string[] = [],
  onPeers: (peers: readonly string[]) => Promise<void> = async () => {},
) {
  const end = new AbortController();
  const listening = Promise.withResolvers<readonly Address[]>();
  const running = runProxy({
    listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
    peers,
    readonly,
    cors,
    logger,
    clock,
    signal: end.signal,
    onListening: listening.resolve,
    onPeers,
  });
  running.catch(listening.reject);
  const [address] = await listening.promise;
  assert.ok(address?.kind === "tcp");
  return {
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      end.abort();
      await running;
    },
  };
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 30_000;
  while (!(await holds())) {
    assert.ok(performance.now() < endMs, `not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const answers = async (url: string) => (await fetch(`${url}/version`)).status === 200;

function fakePeer(t: TestContext, clientUrls: () => string[]): Promise<string> {
  return listenOn(
    t,
    createServer((_, response) =>
      response.end(JSON.stringify([{ id: 1, name: "a", clientURLs: clientUrls() }])),
    ),
  );
}

async function listenOn(t: TestContext, server: ReturnType<typeof createServer>): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
}

let shared: RealEtcd | undefined;
testKeysConformance("client through the proxy to a real etcd", async () => {
  shared ??= await startRealEtcd();
  const proxy = await startProxy([shared.peerUrl]);
  await until("the proxy finds the member", () => answers(proxy.url));
  const client = openKeysClient({ endpoints: [proxy.url] });
  return {
    ...client,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
});
test("the shared etcd ends", async () => {
  await shared?.[Symbol.asyncDispose]();
});

test("a proxy starts before its member, answers 503 until then, and outlives the member", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "keys-proxy-"));
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const ports = { clientPort: await freePort(), peerPort: await freePort() };
  const nobody = `http://127.0.0.1:${await freePort()}`;
  await using proxy = await startProxy([nobody, `http://127.0.0.1:${ports.peerPort}`]);
  const early = await fetch(`${proxy.url}/v2/keys/`);
  assert.equal(early.status, 503);
  assert.equal(early.headers.get("content-type"), "application/json");
  assert.equal(await early.text(), '{"message":"httpproxy: zero endpoints currently available"}');
  const config = await fetch(`${proxy.url}/v2/config/local/proxy`);
  assert.equal(await config.text(), '{"endpoints":[]}\n');

  const etcd = await startRealEtcd({ directory, ...ports });
  try {
    await until("the proxy finds the member", () => answers(proxy.url));
    const found = await fetch(`${proxy.url}/v2/config/local/proxy`);
    assert.deepEqual(await found.json(), { endpoints: [etcd.clientUrl] });
  } finally {
    await etcd[Symbol.asyncDispose]();
  }
  const broken = await fetch(`${proxy.url}/version`);
  assert.equal(broken.status, 502);
  assert.equal(
    await broken.text(),
    '{"message":"httpproxy: unable to get response from 1 endpoint(s)"}',
  );
  assert.equal((await fetch(`${proxy.url}/version`)).status, 503);
  await using _ = await startRealEtcd({ directory, ...ports });
  await until("the proxy finds the member again", () => answers(proxy.url));
});

test("a new proxy holds a request until a peer has answered, and later ones not", async (t) => {
  const clock = new FakeClock(); // stands still: nothing here waits for time
  const member = createServer((_, response) => response.end("{}"));
  const clientURLs = [await listenOn(t, member)];
  const asked = Promise.withResolvers<ServerResponse>();
  const peer = await listenOn(
    t,
    createServer((_, response) => asked.resolve(response)),
  );
  await using proxy = await startProxy([peer], false, clock);
  const early = fetch(`${proxy.url}/version`);
  const answer = await asked.promise;
  // Answered at once, so the request before it has come to its wait.
  await fetch(`${proxy.url}/v2/config/local/proxy`);
  answer.end(JSON.stringify([{ id: 1, name: "a", clientURLs }]));
  assert.equal((await early).status, 200);

  member.closeAllConnections();
  member.close();
  assert.equal((await fetch(`${proxy.url}/version`)).status, 502);
  assert.equal((await fetch(`${proxy.url}/version`)).status, 503);
});

test("a proxy follows the members, and begins with what it knew when it starts again", async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), "keys-proxy-"));
  t.after(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }));
  assert.equal(readProxyPeers(dataDir), undefined);
  const member = await listenOn(
    t,
    createServer((_, response) => response.end("{}")),
  );
  let peerURLs: string[] = [];
  const tell = () =>
    createServer((_, response) =>
      response.end(JSON.stringify([{ id: 1, name: "a", clientURLs: [member], peerURLs }])),
    );
  const leaving = tell();
  const configured = await listenOn(t, leaving);
  const joined = await listenOn(t, tell());
  peerURLs = [configured];
  const clock = new FakeClock();
  const onPeers = (peers: readonly string[]) => writeProxyPeers(dataDir, peers);
  await using proxy = await startProxy([configured], false, clock, undefined, [], onPeers);
  await until("the proxy finds the member", () => answers(proxy.url));
  peerURLs = [joined];
  await until("it has learnt of the other", async () => {
    await clock.advance(1_000);
    return readProxyPeers(dataDir)?.join() === joined;
  });
  leaving.closeAllConnections();
  leaving.close();
  await using again = await startProxy([...(readProxyPeers(dataDir) ?? [])], false, clock);
  await until("the proxy that starts later finds the member", () => answers(again.url));
});

test("a new proxy without a member holds no request for long, and none after a while", async () => {
  const clock = new FakeClock();
  await using proxy = await startProxy([`http://127.0.0.1:${await freePort()}`], false, clock);
  let status: number | undefined;
  const early = fetch(`${proxy.url}/version`).then((answer) => (status = answer.status));
  await until("the request is answered", async () => {
    if (status === undefined) await clock.advance(100);
    return status !== undefined;
  });
  assert.equal(await early, 503);
  await clock.advance(10_000);
  assert.equal((await fetch(`${proxy.url}/version`)).status, 503);
});

test("a proxy complains of a peer that is down once, and not while machines start", async (t) => {
  const clock = new FakeClock();
  const logger = openLogger("silent");
  const { mock: warned } = t.mock.method(logger, "warn");
  const { mock: tried } = t.mock.method(logger, "debug");
  const peer = `http://127.0.0.1:${await freePort()}`;
  await using _ = await startProxy([peer], false, clock, logger);
  const goOn = (what: string, holds: () => boolean) =>
    until(what, async () => {
      if (!holds()) await clock.advance(100);
      return holds();
    });
  await until("it was tried", async () => tried.callCount() > 0);
  assert.equal(warned.callCount(), 0);
  await goOn("it complains", () => warned.callCount() > 0);
  assert.ok(clock.monotonicMs() >= 10_000);
  const quiet = tried.callCount();
  await goOn("it was tried again", () => tried.callCount() > quiet + 2);
  assert.equal(warned.callCount(), 1);
});

test("a read-only proxy refuses all but GET, before it asks anyone", async () => {
  await using proxy = await startProxy([`http://127.0.0.1:${await freePort()}`], true);
  for (const method of ["PUT", "POST", "DELETE", "HEAD"]) {
    const answer = await fetch(`${proxy.url}/v2/keys/a`, { method });
    assert.equal(answer.status, 501, method);
    assert.equal(await answer.text(), "");
  }
});

test("a member's answer streams through, and a client that leaves ends it", async (t) => {
  const gone = Promise.withResolvers<void>();
  const member = await listenOn(
    t,
    createServer((request, response) => {
      if (request.url === "/version") return void response.end("{}");
      response.writeHead(200, { "X-Etcd-Index": "5" });
      response.write(`${String(request.headers["x-forwarded-for"])}\n`);
      response.once("close", gone.resolve);
    }),
  );
  await using proxy = await startProxy([await fakePeer(t, () => [member])]);
  await until("the proxy finds the member", () => answers(proxy.url));
  const leave = new AbortController();
  const answer = await fetch(`${proxy.url}/v2/keys/a?wait=true&stream=true`, leave);
  assert.equal(answer.headers.get("x-etcd-index"), "5");
  const first = await answer.body?.getReader().read();
  assert.equal(Buffer.from(first?.value ?? []).toString(), "127.0.0.1\n");
  leave.abort();
  await gone.promise;
});

test("a write goes on to the next member only when the first cannot have got it", async (t) => {
  const got: string[] = [];
  let breaking = false;
  const first = await listenOn(
    t,
    createServer((request, response) => {
      got.push(`first ${request.method}`);
      if (breaking) request.socket.destroy();
      else response.end("{}");
    }),
  );
  const second = await listenOn(
    t,
    createServer((request, response) => {
      got.push(`second ${request.method}`);
      request.pipe(response);
    }),
  );
  const nobody = `http://127.0.0.1:${await freePort()}`;
  await using proxy = await startProxy([await fakePeer(t, () => [nobody, first, second])]);
  await until("the proxy finds the members", () => answers(proxy.url));
  got.length = 0;
  breaking = true;
  const put = { method: "PUT", body: "value=1" };
  const broken = await fetch(`${proxy.url}/v2/keys/a`, put);
  assert.equal(broken.status, 502);
  const passed = await fetch(`${proxy.url}/v2/keys/a`, put);
  assert.equal(await passed.text(), "value=1");
  assert.deepEqual(got, ["first PUT", "second PUT"]);
});

test("a proxy tells browsers what its own setting says", async (t) => {
  const member = await listenOn(
    t,
    createServer((_, response) =>
      response.writeHead(200, { "Access-Control-Allow-Origin": "http://member" }).end("member"),
    ),
  );
  const peer = await fakePeer(t, () => [member]);
  const setting = ["http://a.example"];
  await using proxy = await startProxy([peer], false, systemClock, openLogger("silent"), setting);
  await until("it passes requests on", () => answers(proxy.url));
  const ask = async (method: string, origin: string) => {
    const answer = await fetch(`${proxy.url}/v2/keys`, { method, headers: { Origin: origin } });
    const isMembers = (await answer.text()) === "member";
    return [answer.status, answer.headers.get("access-control-allow-origin"), isMembers];
  };
  assert.deepEqual(await ask("OPTIONS", "http://a.example"), [200, "http://a.example", false]);
  assert.deepEqual(await ask("OPTIONS", "http://b.example"), [200, null, false]);
  assert.deepEqual(await ask("GET", "http://a.example"), [200, "http://a.example", true]);
});
