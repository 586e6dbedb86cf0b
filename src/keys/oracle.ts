import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { systemClock } from "#base/clock.ts";
import { parseAddress } from "#base/listen.ts";
import { freePort, type RealEtcd, startRealEtcd } from "#keys/real-etcd.ts";
import { runMember } from "#keys/run-member.ts";

/*
 * The same requests go to a real etcd and to ours; answers must be equal. Compared: status, the X-Etcd-* and X-Raft-*
 * headers, Content-Type, Content-Length, Location, Allow, whether the connection closes, and the body byte for byte.
 * What may differ, and why, is the list in docs/etcd-differences.md, and nowhere else.
 */

const ANSWER_WITHIN_MS = 30_000;

export interface Tolerance {
  /** Whether keys with a time to live are about. */
  readonly ttl?: boolean;
}

interface Ours extends AsyncDisposable {
  readonly url: string;
  readonly peerUrl: string;
}

/** A real etcd and a member of ours that says of itself what the real one says; both new. */
export class Oracle implements AsyncDisposable {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #real: RealEtcd;
  readonly #ours: Ours;
  /** Entries that etcd's health checks had written when the comparison began. */
  #raftAhead = 0;

  private constructor(real: RealEtcd, ours: Ours) {
    this.#real = real;
    this.#ours = ours;
  }

  static async open(): Promise<Oracle> {
    await using stack = new AsyncDisposableStack();
    const real = stack.use(await startRealEtcd());
    const ours = stack.use(await startOurs(real));
    const oracle = new Oracle(real, ours);
    const [theirs, mine] = await oracle.ask(get(""));
    oracle.#raftAhead =
      Number(theirs.headers["x-raft-index"]) - Number(mine.headers["x-raft-index"]);
    stack.move();
    return oracle;
  }

  /** Theirs, ours. */
  get urls(): readonly [string, string] {
    return [this.#real.clientUrl, this.#ours.url];
  }

  get peerUrls(): readonly [string, string] {
    return [this.#real.peerUrl, this.#ours.peerUrl];
  }

  /** The answers of both: theirs, ours. */
  async ask(ask: Ask, urls = this.urls): Promise<readonly [Answer, Answer]> {
    const [theirs, mine] = urls;
    return await Promise.all([this.#send(theirs, ask), this.#send(mine, ask)]);
  }

  /** Asks both and asserts that the answers are equal; resolves with it. */
  async compare(ask: Ask, tolerance: Tolerance = {}): Promise<Answer> {
    const [theirs, mine] = await this.ask(ask);
    this.assertEqual(ask, [theirs, mine], tolerance);
    return mine;
  }

  assertEqual(ask: Ask, answers: readonly [Answer, Answer], { ttl = false }: Tolerance): void {
    const sorted = /sorted=([^&]*)/.exec(ask.path)?.[1] ?? "";
    const isListing = ask.method === "GET" && !/^(true|1|t)$/i.test(sorted);
    const what = `${ask.method} ${ask.path} ${ask.form ?? ""} ${ask.user ?? ""}`.slice(0, 300);
    const [theirs, mine] = answers;
    // etcd tells no length of what has more than 2 KB; ours always does, but of a watch.
    const isComparable = theirs.lengthBytes !== undefined || isWatch(ask);
    if (isComparable && !(ttl && ask.method === "HEAD"))
      assert.equal(mine.lengthBytes, sameLength(theirs, mine), `length of ${what}`);
    const [a, b] = answers.map(({ status, headers, body, closes }) => ({
      what,
      status,
      closes,
      headers: { ...headers, "x-raft-index": undefined },
      body: comparable(body, { isListing, ttl }),
    }));
    assert.deepEqual(b, a);
    const [theirRaft, myRaft] = answers.map((one) => one.headers["x-raft-index"]);
    if (theirRaft === undefined || ttl) assert.equal(typeof myRaft, typeof theirRaft, what);
    else assert.equal(Number(myRaft) + this.#raftAhead, Number(theirRaft), what);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.#ours[Symbol.asyncDispose]();
    await this.#real[Symbol.asyncDispose]();
  }

  async #send(url: string, ask: Ask): Promise<Answer> {
    const message = await begin(url, ask, this.#agent);
    const limit = setTimeout(() => message.destroy(new Error("no answer")), ANSWER_WITHIN_MS);
    try {
      return { ...headOf(message), body: await bodyOf(message) };
    } finally {
      clearTimeout(limit);
    }
  }
}

/** A member that says of itself what the real one says. */
async function startOurs(like: RealEtcd): Promise<Ours> {
  const dataDir = await mkdtemp(join(tmpdir(), "keelson-oracle-"));
  const [url, peerUrl] = [await freePort(), await freePort()].map((at) => `http://127.0.0.1:${at}`);
  assert.ok(url && peerUrl);
  const stop = new AbortController();
  const listening = Promise.withResolvers<void>();
  const running = runMember(
    {
      name: "default",
      dataDir,
      listenClient: [parseAddress(url)],
      listenPeer: [parseAddress(peerUrl)],
      clientURLs: [like.clientUrl],
      peerURLs: [like.peerUrl],
      token: "etcd-cluster",
      isJoining: false,
      logger: pino({ level: "silent" }),
      clock: systemClock,
      random: Math.random,
      onListening: async () => listening.resolve(),
    },
    stop.signal,
  );
  running.catch(listening.reject);
  await listening.promise;
  return {
    url,
    peerUrl,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await rm(dataDir, { recursive: true });
    },
  };
}

export interface Ask {
  readonly method: string;
  readonly path: string;
  readonly form?: string;
  readonly contentType?: string;
  /** NAME:PASSWORD, for basic authentication. */
  readonly user?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is compared of an answer. */
export interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** As it was told, when it was. */
  readonly lengthBytes: number | undefined;
  readonly closes: boolean;
  readonly body: string;
}

const COMPARED_HEADERS = [
  "x-etcd-cluster-id",
  "x-etcd-index",
  "x-raft-index",
  "x-raft-term",
  "content-type",
  "location",
  "allow",
  "x-content-type-options",
];

/** Whether the answer may be long in coming; a read with quorum never waits. */
export function isWatch({ method, path }: Ask): boolean {
  return method === "GET" && /[?&]wait=true/.test(path) && !path.includes("quorum=true");
}

/** Resolves when the head of the answer is there. */
export function begin(url: string, ask: Ask, agent: Agent): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { hostname, port } = new URL(url);
  const headers = {
    ...(ask.form !== undefined && {
      "Content-Type": ask.contentType ?? "application/x-www-form-urlencoded",
      ...(ask.headers?.["Transfer-Encoding"] === undefined && {
        "Content-Length": Buffer.byteLength(ask.form),
      }),
    }),
    ...(ask.user !== undefined && {
      Authorization: `Basic ${Buffer.from(ask.user).toString("base64")}`,
    }),
    ...ask.headers,
  };
  const { method, path } = ask;
  const req = request({ hostname, port, method, path, agent, headers }, resolve);
  req.on("error", reject);
  req.end(ask.form);
  return promise;
}

export async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

export function headOf(message: IncomingMessage): Omit<Answer, "body"> {
  const headers = COMPARED_HEADERS.map((name) => [name, message.headers[name]]);
  const length = message.headers["content-length"];
  return {
    status: message.statusCode,
    headers: Object.fromEntries(headers),
    lengthBytes: length === undefined ? undefined : Number(length),
    closes: message.headers.connection === "close",
  };
}

/** Times to live and bytes that are no UTF-8 may be written with other lengths. */
function sameLength(theirs: Answer, mine: Answer): number | undefined {
  const isSame = theirs.body === mine.body || theirs.lengthBytes === undefined;
  return isSame ? theirs.lengthBytes : Buffer.byteLength(mine.body);
}

function comparable(
  body: string,
  { isListing, ttl }: { isListing: boolean; ttl: boolean },
): string {
  let text = body.replaceAll("\\ufffd", "\ufffd");
  if (isListing && body.includes('"nodes"'))
    text = JSON.stringify(JSON.parse(body), (key, value: unknown) =>
      key === "nodes" && Array.isArray(value)
        ? value.toSorted((x: { key: string }, y: { key: string }) => (x.key < y.key ? -1 : 1))
        : value,
    );
  text = text.replaceAll(/"expiration":"[^"]*"/g, '"expiration":"?"');
  // A read may fall on either side of a second's turn.
  return ttl && isListing ? text.replaceAll(/"ttl":\d+/g, '"ttl":"?"') : text;
}

export const get = (path: string): Ask => ({ method: "GET", path: `/v2/keys${path}` });
export const put = (path: string, form: string): Ask => ({
  method: "PUT",
  path: `/v2/keys${path}`,
  form,
});
export const post = (path: string, form: string): Ask => ({
  method: "POST",
  path: `/v2/keys${path}`,
  form,
});
export const del = (path: string): Ask => ({ method: "DELETE", path: `/v2/keys${path}` });
