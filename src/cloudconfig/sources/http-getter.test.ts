import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { HttpGetter } from "./http-getter.ts";
import { type FakeRoutes, startFakeService } from "./metadata-service-for-tests.ts";
import { PatientClock } from "./patient-clock-for-tests.ts";

const signal = new AbortController().signal;
const REQUEST_MS = 10_000;

function getter(env: Readonly<Record<string, string>> = {}) {
  const clock = new PatientClock([REQUEST_MS]);
  const lines: string[] = [];
  const http = new HttpGetter({ clock, env, report: (line) => lines.push(line) });
  return { clock, lines, http };
}

async function fetchAll(routes: FakeRoutes, path = "x") {
  await using service = await startFakeService(routes);
  const { clock, lines, http } = getter();
  const answer = await http.getRetry(service.url + path, signal).then(
    (got) => (got.found ? new TextDecoder().decode(got.body) : got.status),
    (error: Error) => error.message.replaceAll(service.url, "URL/"),
  );
  return { answer, requests: service.requests.length, pausesMs: clock.pausesMs, lines };
}

for (const { name, routes, answer, requests } of [
  { name: "a body", routes: { "/x": "yes" }, answer: "yes", requests: 1 },
  { name: "an empty body", routes: { "/x": { status: 204 } }, answer: "", requests: 1 },
  { name: "nothing there", routes: {}, answer: 404, requests: 1 },
  { name: "a refusal", routes: { "/x": { status: 403 } }, answer: 403, requests: 1 },
  {
    name: "trouble that passes",
    routes: { "/x": [{ status: 500 }, { status: 503 }, "yes"] },
    answer: "yes",
    requests: 3,
  },
  { name: "too many requests", routes: { "/x": [{ status: 429 }, "y"] }, answer: "y", requests: 2 },
  {
    name: "a cut connection",
    routes: { "/x": [{ status: 0 }, "yes"] },
    answer: "yes",
    requests: 2,
  },
  {
    name: "a redirection to nowhere",
    routes: { "/x": [{ status: 302 }, "yes"] },
    answer: "yes",
    requests: 2,
  },
  {
    name: "a body that is gzip on the way",
    routes: {
      "/x": { status: 200, body: gzipSync("yes"), headers: { "content-encoding": "gzip" } },
    },
    answer: "yes",
    requests: 1,
  },
  {
    name: "a redirection to a file of this machine",
    routes: { "/x": { status: 302, headers: { location: "file:///etc/shadow" } } },
    answer: 'Cannot fetch "file:///etc/shadow": it is no URL that begins with http:// or https://',
    requests: 1,
  },
] as const)
  test(`HttpGetter understands ${name}`, async () => {
    const result = await fetchAll(routes);
    assert.deepEqual({ answer: result.answer, requests: result.requests }, { answer, requests });
  });

test("HttpGetter gives up after 15 attempts, with longer and longer pauses, as the original", async () => {
  const { answer, requests, pausesMs, lines } = await fetchAll({ "/x": { status: 500 } });
  assert.equal(
    answer,
    "Cannot fetch URL/x: 15 attempts failed, the last one with: the server answers 500",
  );
  assert.equal(requests, 15);
  const pauses = [100, 200, 400, 800, 1600, 3200, ...Array<number>(8).fill(5000)];
  assert.deepEqual(pausesMs, pauses);
  assert.match(lines[0] ?? "", /^Fetching data from http:.* Attempt #1$/);
});

test("HttpGetter makes ten requests in a row for redirections and no more, as the original", async () => {
  const hop = (to: number) => ({ status: 301, headers: { location: `/${to}` } });
  const chain = (length: number): FakeRoutes => ({
    ...Object.fromEntries(Array.from({ length }, (_, i) => [`/${i}`, hop(i + 1)])),
    [`/${length}`]: "there",
  });
  assert.equal((await fetchAll(chain(9), "0")).answer, "there");
  assert.match(String((await fetchAll(chain(10), "0")).answer), /redirects 10 times/);
});

for (const url of ["", "no url", "ftp://host/x", "//host/x", "file:///etc/passwd"])
  test(`HttpGetter takes no URL "${url}"`, async () => {
    const { clock, http } = getter();
    await assert.rejects(http.getRetry(url, signal), { code: "SOURCE_FAILED" });
    assert.deepEqual(clock.pausesMs, []);
  });

test("HttpGetter tries again when a server is silent for ten seconds", async () => {
  const { clock, http, lines } = getter();
  let requests = 0;
  const server = createServer((_request, response) => {
    requests++;
    if (requests === 1) clock.endLimit(REQUEST_MS);
    else response.end("yes");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const answer = await http.getRetry(`http://127.0.0.1:${port}/`, signal);
    assert.ok(answer.found);
    assert.equal(requests, 2);
    assert.match(lines[1] ?? "", /no answer within 10000 ms/);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("HttpGetter tries again when a body is cut short", async () => {
  const { http } = getter();
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections++;
    const length = connections === 1 ? 100 : 3;
    socket.on("error", () => {});
    socket.once("data", () =>
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\nyes`),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const answer = await http.getRetry(`http://127.0.0.1:${port}/`, signal);
    assert.equal(answer.found && new TextDecoder().decode(answer.body), "yes");
    assert.equal(connections, 2);
  } finally {
    server.close();
  }
});

test("HttpGetter refuses more than user-data may be", async () => {
  const { http } = getter();
  const server = createServer((_request, response) => {
    response.on("error", () => {});
    response.end(Buffer.alloc(17 * 1024 * 1024));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    await assert.rejects(
      http.get(`http://127.0.0.1:${port}/`, signal),
      /larger than 16777216 bytes/,
    );
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("HttpGetter goes through the proxy of the environment, and not for what is near or in no_proxy", async () => {
  await using proxy = await startFakeService({ "http://192.0.2.1/x": "by proxy" });
  const { http } = getter({ http_proxy: proxy.url, NO_PROXY: "192.0.2.2" });
  const answer = await http.get("http://192.0.2.1/x", signal);
  assert.equal(answer.found && new TextDecoder().decode(answer.body), "by proxy");
  await using service = await startFakeService({ "/x": "direct" });
  assert.ok((await http.get(`${service.url}x`, signal)).found);
  assert.deepEqual(service.requests, ["/x"]);
});

test("HttpGetter ends its waiting when it is told to", async () => {
  const stop = new AbortController();
  const reason = new Error("enough");
  const { http } = getter();
  const server = createServer(() => stop.abort(reason));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    await assert.rejects(http.getRetry(`http://127.0.0.1:${port}/`, stop.signal), reason);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
