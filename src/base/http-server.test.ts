import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { HttpHandler, HttpRequest, HttpResponse } from "#base/http.ts";
import { HttpConnection } from "#base/http-connection.ts";
import { type HttpServer, openHttpServer } from "#base/http-server.ts";

const LIMIT_MS = 20_000;
const GET = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
const LAST = "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

async function open(t: TestContext, handle: HttpHandler): Promise<HttpServer> {
  const server = await openHttpServer({ kind: "tcp", host: "127.0.0.1", port: 0 }, handle);
  t.after(() => server[Symbol.asyncDispose]());
  return server;
}

async function dial(t: TestContext, server: HttpServer): Promise<Socket> {
  assert.ok(server.address.kind === "tcp");
  const socket = connect({ port: server.address.port, host: "127.0.0.1", allowHalfOpen: true });
  t.after(() => socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

async function until(isSo: () => boolean): Promise<void> {
  const untilMs = performance.now() + LIMIT_MS;
  while (!isSo()) {
    assert.ok(performance.now() < untilMs, "not so within the limit");
    await sleep(5);
  }
}

const echo: HttpHandler = (req, res) => res.send(200, [], req.target);

const bodiesOf = (answers: string) => answers.split(/HTTP\/1\.1 \d+ [^]*?\r\n\r\n/).slice(1);

test("answers keep the order of requests, however late each is", async (t) => {
  const served: string[] = [];
  const server = await open(t, (req, res) => {
    served.push(req.target);
    if (req.target === "/a") setTimeout(() => res.send(200, [], "late"), 20);
    else res.send(200, [], "at once");
  });
  const socket = await dial(t, server);
  socket.write(GET + LAST + GET);
  assert.deepEqual(bodiesOf(await text(socket)), ["late", "at once"]);
  assert.deepEqual(served, ["/a", "/last"]);
});

test("a body is given whole, and what nobody asked for is passed over", async (t) => {
  const server = await open(t, (req, res) => {
    if (req.method === "GET") res.send(200, [], "unread");
    else req.readBody(10, (body) => res.send(200, [], String(body)));
  });
  const socket = await dial(t, server);
  const put = (length: number) => `PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
  socket.write(`${put(4)}ab`);
  socket.write("cd");
  socket.write(`${put(2)}ü`);
  socket.write(`${put(11)}01234567890`);
  socket.write(`${GET.replace("\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n")}GET /`);
  socket.write(LAST);
  assert.deepEqual(bodiesOf(await text(socket)), ["abcd", "ü", "undefined", "unread", "unread"]);
});

test("a client that waits for a word before its body gets it", async (t) => {
  const server = await open(t, (req, res) =>
    setTimeout(() => req.readBody(10, (body) => res.send(200, [], String(body))), 5),
  );
  const socket = await dial(t, server);
  socket.write("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  const [word] = (await once(socket, "data")) as [Buffer];
  assert.equal(word.toString(), "HTTP/1.1 100 Continue\r\n\r\n");
  socket.write(`ab${LAST}`);
  assert.match(await text(socket), /\r\n\r\nab/);
});

test("who waits for an answer learns that the client is gone, or has its end", async (t) => {
  const waiting: HttpResponse[] = [];
  let gone = 0;
  const server = await open(t, (req, res) => {
    res.onClose(() => (gone += 1));
    res.onClose(() => (gone += 1));
    if (req.target === "/a") res.begin(200, []);
    else res.send(200, [], "");
    waiting.push(res);
  });
  const first = await dial(t, server);
  first.write(GET);
  await once(first, "data");
  first.destroy();
  await until(() => gone === 2);
  waiting[0]?.write("nothing happens");
  waiting[0]?.end();
  const second = await dial(t, server);
  second.end(GET);
  assert.match(await text(second), /chunked\r\n\r\n0\r\n\r\n$/);
  assert.equal(gone, 4);
  const third = await dial(t, server);
  third.end(LAST);
  await text(third);
  assert.equal(gone, 6);
});

test("an answer in pieces is sent in chunks, its pieces of one turn in one write", async (t) => {
  const server = await open(t, (_, res) => {
    res.begin(200, ["A", "b"]);
    res.write("one");
    res.write("ü");
    res.write("");
    res.end("end");
  });
  const socket = await dial(t, server);
  socket.write(GET);
  const [answer] = (await once(socket, "data")) as [Buffer];
  assert.match(
    answer.toString(),
    /^HTTP\/1\.1 200 OK\r\nA: b\r\nDate: [^\r]*\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n2\r\nü\r\n3\r\nend\r\n0\r\n\r\n$/,
  );
});

test("no answer is split by what a header holds", async (t) => {
  const server = await open(t, (req, res) => {
    assert.throws(() => res.addHeaders(["A", "b\r\nC: d"]), TypeError);
    echo(req, res);
  });
  const socket = await dial(t, server);
  socket.write(LAST);
  assert.doesNotMatch(await text(socket), /C: d/);
});

test("a client that takes no answers is served no more requests", async (t) => {
  let served = 0;
  const server = await open(t, (_, res) => {
    served += 1;
    res.send(200, [], "x".repeat(100_000));
  });
  const socket = await dial(t, server);
  socket.pause();
  const asked = 2000;
  socket.write(GET.repeat(asked));
  let before = -1;
  // What the kernel takes is served; then it stands still.
  while (served !== before) {
    before = served;
    await sleep(100);
  }
  assert.ok(served < asked, `${served} served`);
  socket.resume();
  await until(() => served === asked);
});

test("a slow client gets the whole of a last answer", async (t) => {
  const body = "x".repeat(32 << 20);
  const server = await open(t, (_, res) => res.send(200, [], body));
  const socket = await dial(t, server);
  socket.write(LAST);
  await sleep(1000); // twice as long as an ended connection is kept
  assert.deepEqual(
    bodiesOf(await text(socket)).map(({ length }) => length),
    [body.length],
  );
});

test("what a client has not taken is counted", async (t) => {
  let res: HttpResponse | undefined;
  const server = await open(t, (_, response) => {
    response.begin(200, []);
    res = response;
  });
  const socket = await dial(t, server);
  socket.write(GET);
  await until(() => res !== undefined);
  socket.pause();
  const piece = "x".repeat(1 << 20);
  for (let at = 0; at < 64; at += 1) res?.write(piece);
  await sleep(20);
  assert.ok((res?.unreadBytes ?? 0) > 1 << 20);
});

test("disposal ends idle connections at once and waits for an answer under way", async (t) => {
  let answer: (() => void) | undefined;
  const server = await open(t, (_, res) => (answer = () => res.send(200, [], "done")));
  const idle = await dial(t, server);
  const busy = await dial(t, server);
  busy.write(GET);
  await until(() => answer !== undefined);
  const disposed = server[Symbol.asyncDispose]();
  await once(idle.resume(), "end");
  answer?.();
  assert.match(await text(busy), /Connection: close\r\n\r\ndone$/);
  await disposed;
});

test("disposal cuts what does not end", async (t) => {
  const server = await open(t, (_, res) => res.begin(200, []));
  const socket = await dial(t, server);
  socket.write(GET);
  await once(socket, "data");
  await server[Symbol.asyncDispose]();
});

test("a request that never ends is cut off, an idle connection is not", async (t) => {
  const sockets: Socket[] = [];
  const listener = createServer({ allowHalfOpen: true }, (socket) => sockets.push(socket));
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  t.after(() => listener.close());
  const { port } = listener.address() as { port: number };
  const dialled = ["", "GET / HT", "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"];
  const late = performance.now() + 301_000;
  for (const [at, some] of dialled.entries()) {
    const client = connect(port, "127.0.0.1");
    t.after(() => client.destroy());
    await until(() => sockets.length === at + 1);
    const [socket] = sockets.slice(-1);
    assert.ok(socket);
    t.after(() => socket.destroy());
    const read = (req: HttpRequest) => req.readBody(10, () => assert.fail("not whole"));
    const connection = new HttpConnection(socket, read);
    client.write(some);
    if (some !== "") await until(() => socket.bytesRead === some.length);
    await sleep(10);
    connection.checkTime(performance.now());
    assert.equal(socket.destroyed, false);
    connection.checkTime(late);
    assert.equal(socket.destroyed, some !== "", some);
  }
});
