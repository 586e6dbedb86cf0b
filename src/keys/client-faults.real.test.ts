import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { Fault } from "#base/fault.ts";
import { type KeysClient, type KeysClientOptions, openKeysClient } from "./client.ts";
import { openMirror } from "./mirror.ts";
import { freePort, type RealEtcd, startRealEtcd } from "./real-etcd.ts";

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** An HTTP server of the test's own, with what it was asked. */
async function serve(t: TestContext, handler: Handler, socketPath?: string) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      asked.push(`${request.method} ${request.url} ${body}`.trim());
      handler(request, response, body);
    });
  });
  server.listen(socketPath ?? { port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const url =
    typeof address === "object" ? `http://127.0.0.1:${address?.port}` : `unix://${address}`;
  return { url, asked, server };
}

function open(
  t: TestContext,
  endpoints: string[],
  options: Partial<KeysClientOptions> = {},
): KeysClient {
  const client = openKeysClient({ endpoints, ...options });
  t.after(() => client[Symbol.asyncDispose]());
  return client;
}

const signal = AbortSignal.timeout(60_000);
const nobody = async () => `http://127.0.0.1:${await freePort()}`;
const node = (index: number) => ({ key: "/a", value: "1", modifiedIndex: index, createdIndex: 1 });
const body = (index: number) => JSON.stringify({ action: "set", node: node(index) });

const answer: Handler = (_, response) => {
  response.setHeader("X-Etcd-Index", "7").end(body(7));
};
const cut: Handler = (request) => request.socket.destroy();

test("a read goes on to the next server when one refuses, breaks off, is silent or in trouble", async (t) => {
  const good = await serve(t, answer);
  const bad = [
    await nobody(),
    (await serve(t, cut)).url,
    (await serve(t, () => {})).url,
    (await serve(t, (_, response) => response.writeHead(503).end("no"))).url,
    // Says it has more than it sends: part of a list is no list.
    (
      await serve(t, (_, response) => {
        response.writeHead(200, { "X-Etcd-Index": 7, "Content-Length": 500 });
        response.write(body(7), () => response.destroy());
      })
    ).url,
  ];
  const keys = open(t, [...bad, good.url], { requestTimeoutMs: 1_000 });
  const { event, etcdIndex } = await keys.get("/a", {}, signal);
  assert.deepEqual([event.node, etcdIndex], [node(7), 7]);
  await keys.get("/a", {}, signal);
  assert.equal(good.asked.length, 2);
});

test("a write that a server may have got is not repeated", async (t) => {
  const good = await serve(t, answer);
  for (const handler of [cut, (() => {}) as Handler]) {
    const bad = await serve(t, handler);
    const keys = open(t, [bad.url, good.url], { requestTimeoutMs: 1_000 });
    await assert.rejects(keys.set("/a", "1", {}, signal), (error) => {
      assert.ok(error instanceof Fault);
      assert.equal(error.code, "STORE_UNAVAILABLE");
      assert.match(error.message, /^Cannot tell whether "set \/a" was done/);
      return true;
    });
    assert.deepEqual(bad.asked, ["PUT /v2/keys/a value=1"]);
  }
  assert.deepEqual(good.asked, []);
});

test("a write that reached no server goes to the next", async (t) => {
  const good = await serve(t, answer);
  const keys = open(t, [await nobody(), good.url]);
  await keys.delete("/a", { prevIndex: 3 }, signal);
  assert.deepEqual(good.asked, ["DELETE /v2/keys/a?prevIndex=3"]);
});

const FULL = `
import socket, sys
full = socket.socket()
full.bind(("127.0.0.1", 0))
full.listen(0)
waiting = [socket.socket() for _ in range(4)]
for one in waiting:
    one.setblocking(False)
    one.connect_ex(full.getsockname())
print(full.getsockname()[1], flush=True)
sys.stdin.read()
`;

/** Where a connection is neither accepted nor refused: others wait there already. */
async function fullListener(t: TestContext): Promise<string> {
  const child = spawn("python3", ["-c", FULL], { stdio: ["pipe", "pipe", "inherit"] });
  t.after(() => child.kill());
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  return `http://127.0.0.1:${port.toString().trim()}`;
}

test("a write to a server that takes no connection in time goes to the next", async (t) => {
  const good = await serve(t, answer);
  const limits = { requestTimeoutMs: 2_000, connectTimeoutMs: 2_000 };
  const client = open(t, [await fullListener(t), good.url], limits);
  await client.set("/a", "1", {}, signal);
  assert.deepEqual(good.asked, ["PUT /v2/keys/a value=1"]);
});

test("when no server answers, each one's reason is told", async (t) => {
  const endpoints = [await nobody(), await nobody()];
  const keys = open(t, endpoints);
  await assert.rejects(keys.get("/a", {}, signal), (error) => {
    assert.ok(error instanceof Fault);
    assert.equal(error.code, "STORE_UNAVAILABLE");
    for (const endpoint of endpoints) assert.ok(error.message.includes(endpoint));
    assert.match(error.message, /ECONNREFUSED/);
    return true;
  });
  await assert.rejects(async () => {
    for await (const _ of keys.watch("/a", {}, signal)) assert.fail("an event from nobody");
  }, /Cannot watch \/a: no etcd server answers/);
});

test("redirections are followed with the request's body, but not for ever", async (t) => {
  const leader = await serve(t, answer);
  const follower = await serve(t, (request, response) =>
    response.writeHead(307, { Location: `${leader.url}${request.url}` }).end(),
  );
  const keys = open(t, [follower.url]);
  await keys.set("/a", "1", { prevExist: true }, signal);
  assert.deepEqual(leader.asked, ["PUT /v2/keys/a?prevExist=true value=1"]);

  const loop = await serve(t, (request, response) =>
    response.writeHead(307, { Location: request.url ?? "/" }).end(),
  );
  await assert.rejects(open(t, [loop.url]).get("/a", {}, signal), /redirected over 10 times/);
});

for (const [what, status, text] of [
  ["an unknown error code", 401, '{"errorCode":199,"message":"needs a user","cause":"","index":0}'],
  ["a page of something else", 404, "<html>404</html>"],
  ["an answer that is no JSON", 200, "hello"],
  ["an answer of another shape", 200, '{"action":"get","node":{"key":5}}'],
  ["an empty answer", 200, ""],
] as const)
  test(`${what} is a Fault that shows it`, async (t) => {
    const server = await serve(t, (_, response) =>
      response.writeHead(status, { "X-Etcd-Index": 7 }).end(text),
    );
    await assert.rejects(open(t, [server.url]).get("/a", {}, signal), (error) => {
      assert.ok(error instanceof Fault);
      assert.match(error.message, /needs a user|<html>|hello|"node":\{"key":5|answer ""/);
      return true;
    });
  });

for (const [status, words, advice] of [
  [503, "httpproxy: zero endpoints currently available", /no member .* probably down/],
  [502, "httpproxy: unable to get response from 1 endpoint(s)", /no member .* probably down/],
  [501, "not here", /check that it is an etcd server/],
] as const)
  test(`an answer with HTTP status ${status} is a Fault with its words and fitting advice`, async (t) => {
    const server = await serve(t, (_, response) =>
      response.writeHead(status).end(JSON.stringify({ message: words })),
    );
    const keys = open(t, [await nobody(), server.url]);
    const isTold = (error: unknown) => {
      assert.ok(error instanceof Fault);
      assert.match(error.message, /^Cannot use the answer of/);
      assert.ok(error.message.includes(`HTTP status ${status}, "${words}"`), error.message);
      assert.match(error.message, advice);
      assert.equal(/check that it is an etcd server/.test(error.message), status === 501);
      return true;
    };
    await assert.rejects(keys.get("/a", {}, signal), isTold);
    await assert.rejects(keys.watch("/a", {}, signal)[Symbol.asyncIterator]().next(), isTold);
  });

test("a unix socket is an endpoint", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "keys-client-"));
  t.after(() => rm(directory, { recursive: true }));
  const server = await serve(t, answer, join(directory, "etcd.sock"));
  const { etcdIndex } = await open(t, [server.url]).get("/a", {}, signal);
  assert.equal(etcdIndex, 7);
});

test("a watch resumes after its last event when a server ends, breaks off or dies", async (t) => {
  const events = [9, 12, 15, 18];
  let polls = 0;
  const handler: Handler = (request, response) => {
    if (request.url === "/version") return; // as a machine that is gone
    const from = Number(new URL(request.url ?? "", "http://x").searchParams.get("waitIndex"));
    const next = events.find((index) => index >= from);
    response.writeHead(200, { "X-Etcd-Index": 20 });
    response.flushHeaders();
    polls += 1;
    if (polls % 4 === 0) return; // silent
    if (polls % 4 === 1) response.end();
    else if (polls % 4 === 2) response.write("{", () => response.destroy());
    else if (next !== undefined) response.end(body(next));
  };
  const servers = [await serve(t, handler), await serve(t, handler)];
  const keys = open(
    t,
    servers.map(({ url }) => url),
    { idleMs: 50, requestTimeoutMs: 100 },
  );
  const told: number[] = [];
  for await (const event of keys.watch("/a", { fromIndex: 8 }, signal)) {
    told.push(event.node.modifiedIndex);
    if (told.length === events.length) break;
  }
  assert.deepEqual(told, events);
});

async function restartable(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), "keys-client-"));
  const ports = { clientPort: await freePort(), peerPort: await freePort() };
  let etcd: RealEtcd = await startRealEtcd({ directory, ...ports });
  t.after(async () => {
    await etcd[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, maxRetries: 5 });
  });
  const restart = async () => {
    await etcd[Symbol.asyncDispose]();
    etcd = await startRealEtcd({ directory, ...ports });
  };
  return { url: etcd.clientUrl, restart };
}

test("a mirror over a real etcd survives its kill and tells each change once", async (t) => {
  const { url, restart } = await restartable(t);
  const keys = open(t, [url]);
  await using mirror = openMirror(keys, "/_part", { signal });
  const seen: string[] = [];
  const reading = (async () => {
    for await (const batch of mirror.changes(signal))
      for (const { key, after } of batch) seen.push(`${key}=${after?.value ?? "gone"}`);
  })();
  const settled = async (index: number) => {
    while (mirror.index < index || mirror.state.state !== "following")
      await new Promise((resolve) => setTimeout(resolve, 20));
  };
  await mirror.whenFollowing(signal);
  for (let i = 0; i < 50; i += 1) await keys.set(`/_part/d/${i % 5}`, String(i), {}, signal);
  await restart();
  await keys.set("/_part/x", "1", {}, signal);
  await keys.delete("/_part/d", { recursive: true }, signal);
  const last = await keys.set("/_part/x", "2", {}, signal);
  await settled(last.event.node.modifiedIndex);
  const listed = await keys.get("/_part", { recursive: true }, signal);
  assert.deepEqual(
    mirror.entries().map(({ key, value }) => ({ key, value })),
    listed.event.node.nodes?.map(({ key, value }) => ({ key, value })),
  );
  await mirror[Symbol.asyncDispose]();
  await reading;
  assert.deepEqual(
    seen.slice(0, 50),
    [...Array(50).keys()].map((i) => `/_part/d/${i % 5}=${i}`),
  );
  assert.equal(seen.at(-1), "/_part/x=2");
  assert.equal(seen.filter((change) => change.endsWith("=gone")).length, 5);
});
