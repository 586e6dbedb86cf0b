import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readText } from "node:stream/consumers";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parseTlsAddress } from "#base/listen.ts";
import { openLogger } from "#base/logger.ts";
import { makeSelfSigned } from "#base/self-signed.ts";
import { ServerTls } from "#base/tls.ts";
import { startService } from "./service-for-tests.ts";

const LIMIT_MS = 30_000;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

async function ask(url: string, method = "GET", value?: string): Promise<Answer> {
  const body = value === undefined ? {} : { body: new URLSearchParams({ value }) };
  const answer = await fetch(url, {
    method,
    redirect: "manual",
    signal: AbortSignal.timeout(LIMIT_MS),
    ...body,
  });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

/** A request as it is written, which fetch would tidy up first. */
async function raw(url: string, target: string, host = "localhost"): Promise<string> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.end(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  return readText(socket);
}

const register = (url: string, id: string, value: string) =>
  ask(`${url}/${id}?prevExist=false`, "PUT", value);

async function idsOf(url: string): Promise<string[]> {
  const { node } = JSON.parse((await ask(url)).text) as { node: { nodes?: { key: string }[] } };
  return (node.nodes ?? []).map(({ key }) => key.slice(key.lastIndexOf("/") + 1));
}

test("/new answers a URL of this host, for three members unless a size is given", async () => {
  await using service = await startService();
  for (const [method, query, size] of [
    ["GET", "", "3"],
    ["PUT", "", "3"],
    ["GET", "?size=", "3"],
    ["GET", "?size=1", "1"],
    ["POST", "?size=100", "100"],
  ] as const) {
    const { status, text, headers } = await ask(`${service.url}/new${query}`, method);
    assert.equal(status, 200);
    assert.match(text, new RegExp(`^${service.url}/[0-9a-f]{32}$`));
    assert.equal(headers.get("content-type"), "text/plain; charset=utf-8");
    const config = await ask(`${text}/_config/size`);
    assert.match(config.text, new RegExp(`_config/size","value":"${size}"`));
    assert.match(config.headers.get("x-etcd-index") ?? "", /^\d+$/);
  }
  const form = new URLSearchParams({ size: "5" });
  const posted = await fetch(`${service.url}/new?size=7`, { method: "POST", body: form });
  assert.match((await ask(`${await posted.text()}/_config/size`)).text, /"value":"5"/);
});

test("wrong use of /new makes no token", async () => {
  await using service = await startService();
  for (const size of ["0", "-1", "abc", "1000", "101", "3x", "3.5", "0x3", "%zz", "%00"]) {
    const { status, text } = await ask(`${service.url}/new?size=${size}`);
    assert.equal(status, 400, size);
    assert.match(text, /^Cannot make a token: size is ".*", expected .* from 1 to 100\n$/, size);
  }
  assert.equal((await ask(`${service.url}/new`, "DELETE")).status, 405);
});

test("a Host that cannot stand in a URL is refused; a set URL needs none", async () => {
  await using plain = await startService();
  assert.match(await raw(plain.url, "/new", "a$b"), /^HTTP\/1.1 400 /);
  await using named = await startService({ url: "https://discovery.example.com" });
  assert.match(
    await raw(named.url, "/new", "a$b"),
    /https:\/\/discovery\.example\.com\/[0-9a-f]{32}/,
  );
});

test("with TLS its URLs say so", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "keelson-discovery-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const own = { commonName: "discovery", days: 1, nowMs: Date.now() };
  const { cert, key } = makeSelfSigned(["127.0.0.1"], own);
  const [certFile, keyFile] = [join(directory, "cert.pem"), join(directory, "key.pem")];
  await writeFile(certFile, cert);
  await writeFile(keyFile, key);
  const files = { certFile, keyFile, caFiles: [], isClientCertRequired: false };
  await using service = await startService({
    tls: new ServerTls(files, openLogger("silent")),
    listen: [parseTlsAddress("https://127.0.0.1:0")],
  });
  const url = `${service.url.replace("http:", "https:")}/new`;
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, { ca: cert, agent: false }, resolve).on("error", reject);
  });
  assert.match(await readText(answer), /^https:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}$/);
});

test("only a token's own keys can be reached", async () => {
  await using service = await startService();
  const url = await service.newToken(3);
  const other = await service.newToken(3);
  const token = url.slice(-32);
  const unknown = `${service.url}/${"ab".repeat(16)}`;
  const missing = await ask(unknown);
  assert.equal(missing.status, 404);
  assert.match(missing.text, /"errorCode":100,"message":"Key not found"/);
  assert.equal((await register(unknown, "a", "a=http://127.0.0.1:1")).status, 404);
  assert.equal((await ask(`${unknown}?wait=true&recursive=true`)).status, 404);
  for (const path of [
    "x",
    `${token.toUpperCase()}`,
    `${token}0`,
    `${token}/a/b`,
    `${token}/_secret`,
    `${token}/_config/other`,
    `${token}/..%2f${other.slice(-32)}`,
    `v2/keys/_etcd/registry/${token}`,
    `_etcd/registry/${token}`,
    `${token}/a%2fb`,
    `${token}/${"a".repeat(65)}`,
  ])
    assert.equal((await ask(`${service.url}/${path}`)).status, 404, path);
  for (const up of ["..", "%2e%2e", "."])
    assert.match(
      await raw(url, `/${token}/${up}/${other.slice(-32)}`),
      /^HTTP\/1\.1 404 /,
      `a path with ${up}`,
    );
  for (const [method, path] of [
    ["PUT", "/_config/size"],
    ["DELETE", "/_config/size"],
    ["PUT", "/_config"],
    ["DELETE", "/_config"],
    ["PUT", ""],
    ["DELETE", "/"],
    ["POST", "/"],
    ["POST", "/a"],
  ])
    assert.equal((await ask(`${url}${path}`, method, "5")).status, 405, `${method} ${path}`);
  assert.match((await ask(`${url}/_config`)).text, /"value":"3"/);
  assert.deepEqual(await idsOf(url), []);
});

test("what is not a member's entry is refused", async () => {
  await using service = await startService();
  const url = await service.newToken(3);
  for (const value of [
    "",
    "x",
    "a=",
    "=http://127.0.0.1:1",
    "a=http://127.0.0.1",
    "a=http://127.0.0.1:1/x",
    "a=http://127.0.0.1:1,b=http://127.0.0.1:2",
    `a=http://${"x".repeat(5_000)}:1`,
  ]) {
    const { status, text } = await register(url, "a", value);
    assert.equal(status, 400, value);
    assert.match(text, /"errorCode":209/);
  }
  const body = await ask(`${url}/a`, "PUT", "x".repeat(60_000));
  assert.equal(body.status, 413);
  assert.equal((await ask(`${url}/a?prevExist=maybe`, "PUT", "x")).status, 400);
  assert.deepEqual(await idsOf(url), []);
});

test("registering: once, again, by another, under a taken name, one too many, and removed", async () => {
  await using service = await startService();
  const url = await service.newToken(2);
  const first = await register(url, "a1", "a=http://127.0.0.1:1");
  assert.equal(first.status, 201);
  assert.match(first.text, /"action":"create"/);
  const again = await register(url, "a1", "a=http://127.0.0.1:1");
  assert.equal(again.status, 201);
  assert.equal(again.text, first.text);
  const sameId = await register(url, "a1", "x=http://127.0.0.1:1");
  assert.equal(sameId.status, 412);
  assert.match(sameId.text, /"errorCode":105/);
  await register(url, "b1", "b=http://127.0.0.1:2");
  assert.deepEqual(await idsOf(url), ["a1", "b1"]);
  const surplus = await register(url, "c1", "c=http://127.0.0.1:3");
  assert.equal(surplus.status, 201);
  assert.match(surplus.text, /"ttl":60/);
  assert.deepEqual(await idsOf(url), ["a1", "b1", "c1"]);
  assert.equal((await register(url, "a2", "a=http://127.0.0.1:4")).status, 201);
  assert.deepEqual(await idsOf(url), ["b1", "a2"], "who was too many does not move up");
  const set = await ask(`${url}/a2`, "PUT", "a=http://127.0.0.1:5");
  assert.equal(set.status, 200);
  assert.match(set.text, /"action":"set".*127.0.0.1:5.*"prevNode"/);
  assert.equal((await ask(`${url}/a2?prevValue=no`, "DELETE")).status, 412);
  assert.equal((await ask(`${url}/a2`, "DELETE")).status, 200);
  assert.deepEqual(await idsOf(url), ["b1"]);
});

test("with takeover off a taken name and a second registration are refused, as by the original", async () => {
  await using service = await startService({ takesOver: false });
  const url = await service.newToken(2);
  await register(url, "a1", "a=http://127.0.0.1:1");
  for (const [id, value] of [
    ["a1", "a=http://127.0.0.1:1"],
    ["a2", "a=http://127.0.0.1:2"],
  ] as const) {
    const { status, text } = await register(url, id, value);
    assert.equal(status, 412);
    assert.match(text, /"errorCode":105/);
  }
  assert.deepEqual(await idsOf(url), ["a1"]);
});

test("many at once: each name one slot, in both directions of a race", async () => {
  await using service = await startService();
  const url = await service.newToken(3);
  const names = ["a", "b", "c", "d", "e", "a", "b"];
  const answers = await Promise.all(
    names.map((name, i) => register(url, `id${i}`, `${name}=http://127.0.0.1:${100 + i}`)),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
  const { node } = JSON.parse((await ask(url)).text) as { node: { nodes: { value: string }[] } };
  const kept = node.nodes.slice(0, 3).map(({ value }) => value.split("=")[0]);
  assert.equal(new Set(kept).size, 3, kept.join());
});

test("a wait tells of new members, and says to list again when one goes or comes back", async () => {
  await using service = await startService();
  const url = await service.newToken(3);
  const wait = (query: string) => ask(`${url}?wait=true&recursive=true&${query}`);
  const index = Number((await ask(url)).headers.get("x-etcd-index"));
  const [told] = await Promise.all([
    wait(`waitIndex=${index + 1}`),
    register(url, "a1", "a=http://127.0.0.1:1"),
  ]);
  assert.equal(told.status, 200);
  assert.match(told.text, /"action":"create".*a1/);
  const next = Number(/"modifiedIndex":(\d+)/.exec(told.text)?.[1]) + 1;
  const waiting = wait(`waitIndex=${next}`);
  await register(url, "a1", "a=http://127.0.0.1:1"); // changes nothing
  await register(url, "a2", "a=http://127.0.0.1:2");
  assert.equal((await waiting).status, 503);
  assert.equal((await wait(`waitIndex=${next}`)).status, 503, "also told of the past");
  const own = await ask(`${url}/a2?wait=true&waitIndex=${next}`);
  assert.equal(own.status, 200);
  assert.match(own.text, /a=http:\/\/127\.0\.0\.1:2/);
});

test("an unused token ends; one whose cluster is full does not", async () => {
  await using service = await startService({ ttlSeconds: 1 });
  const [unused, full] = [await service.newToken(1), await service.newToken(1)];
  await register(full, "a1", "a=http://127.0.0.1:1");
  const untilMs = performance.now() + LIMIT_MS;
  while ((await ask(unused)).status !== 404) {
    assert.ok(performance.now() < untilMs, "the token does not end");
    await sleep(100);
  }
  assert.deepEqual(await idsOf(full), ["a1"]);
  assert.doesNotMatch((await ask(full)).text, /"ttl"/);
});

test("its own store keeps tokens and members over a restart, in the middle of a wait", async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), "keelson-discovery-"));
  t.after(() => rm(dataDir, { recursive: true, force: true }));
  const store = { kind: "own", dataDir } as const;
  const before = await startService({ store });
  const url = await before.newToken(2);
  await register(url, "a1", "a=http://127.0.0.1:1");
  const waiting = ask(`${url}?wait=true&recursive=true`).catch(() => undefined);
  await before[Symbol.asyncDispose]();
  assert.notEqual((await waiting)?.status, 200, "no end of a wait that reads as news");
  await using _after = await startService({ store }, Number(new URL(url).port));
  assert.deepEqual(await idsOf(url), ["a1"]);
});

test("new tokens can be limited for each address", async () => {
  await using service = await startService({ newPerHour: 2 });
  const answers = [1, 2, 3].map(() => ask(`${service.url}/new`));
  const statuses = (await Promise.all(answers)).map(({ status }) => String(status)).toSorted();
  assert.deepEqual(statuses, ["200", "200", "429"]);
  const { status, headers } = await ask(`${service.url}/new`);
  assert.equal(status, 429);
  assert.ok(Number(headers.get("retry-after")) > 0);
});

test("home, health, robots.txt; a store that is gone is no health", async () => {
  await using service = await startService();
  assert.match(
    (await ask(`${service.url}/`)).text,
    new RegExp(`curl "${service.url}/new\\?size=3"`),
  );
  assert.equal((await ask(`${service.url}/robots.txt`)).text, "User-agent: *\nDisallow: /");
  const healthy = await ask(`${service.url}/health`);
  assert.deepEqual([healthy.status, healthy.text], [200, "OK"]);
  const store = { kind: "etcd", endpoints: ["http://127.0.0.1:1"] } as const;
  await using alone = await startService({ store });
  for (const path of ["/health", "/new", `/${"0".repeat(32)}`])
    assert.equal((await ask(`${alone.url}${path}`)).status, 503, path);
});
