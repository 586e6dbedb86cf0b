import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { systemClock } from "#base/clock.ts";
import { parseAddress } from "#base/listen.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { freePort, type RealEtcd, startRealEtcd } from "#keys/real-etcd.ts";
import { runMember } from "#keys/run-member.ts";

/*
 * The same requests go to a real etcd and to ours; answers must be equal. Compared: status, the X-Etcd-* and X-Raft-*
 * headers, Content-Type, Location, Allow, and the body byte for byte.
 *
 * Not compared, or different on purpose:
 * - Date and the CORS headers (etcd 3.4 always sends them; 2.x did not, nor do we); OPTIONS, which they bring.
 * - etcd's /health writes an entry to its log, ours writes nothing; X-Raft-Index is compared from the first request on.
 * - X-Raft-Index while any key has a time to live: etcd then writes an entry twice a second, we only when something
 *   is due.
 * - `expiration` (ours has milliseconds, etcd's nanoseconds) and a difference of 1 in `ttl` in answers to reads.
 * - The order of a listing that was not asked to be sorted: etcd's is random, ours is that of creation.
 * - A stream that is told of a deletion twice by etcd is told once by ours; one that begins in the past goes on, where
 *   etcd's falls silent after its first event.
 * - Statistics of reads: etcd counts its own, for authentication.
 * - /version and /v2/stats/self; changes of members (POST, DELETE, PUT on /v2/members) and authentication: not built.
 * - Bytes that are no UTF-8 read as U+FFFD from both; etcd's JSON writes it as an escape then.
 * - Indices above 2^53 in a comparison's cause; forms sent as multipart/form-data.
 */

const LIMIT_MS = 20_000;
const agent = new Agent({ keepAlive: true });
let real: RealEtcd;
let ours: { readonly url: string } & AsyncDisposable;
/** Entries that etcd's health checks had written when the tests began. */
let raftAhead = 0;

before(async () => {
  real = await startRealEtcd();
  ours = await startOurs(real);
  const [theirs, mine] = await Promise.all(
    [real.clientUrl, ours.url].map(
      async (url) => (await send(url, get(""))).headers["x-raft-index"],
    ),
  );
  raftAhead = Number(theirs) - Number(mine);
});
after(async () => {
  agent.destroy();
  await ours?.[Symbol.asyncDispose]();
  await real?.[Symbol.asyncDispose]();
});

/** A member that says of itself what the real one says. */
async function startOurs(like: RealEtcd): Promise<typeof ours> {
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
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      await rm(dataDir, { recursive: true });
    },
  };
}

interface Ask {
  readonly method: string;
  readonly path: string;
  readonly form?: string;
  readonly contentType?: string;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
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

/** Resolves when the head of the answer is there. */
function begin(url: string, ask: Ask, own = agent): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const { hostname, port } = new URL(url);
  const headers =
    ask.form === undefined
      ? {}
      : {
          "Content-Type": ask.contentType ?? "application/x-www-form-urlencoded",
          "Content-Length": Buffer.byteLength(ask.form),
        };
  const { method, path } = ask;
  const req = request({ hostname, port, method, path, agent: own, headers }, resolve);
  req.on("error", reject);
  req.end(ask.form);
  return promise;
}

async function bodyOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function headOf(message: IncomingMessage): Pick<Answer, "status" | "headers"> {
  const headers = COMPARED_HEADERS.map((name) => [name, message.headers[name]]);
  return { status: message.statusCode, headers: Object.fromEntries(headers) };
}

async function send(url: string, ask: Ask): Promise<Answer> {
  const message = await begin(url, ask);
  return { ...headOf(message), body: await bodyOf(message) };
}

interface Tolerance {
  /** Whether keys with a time to live are about. */
  readonly ttl?: boolean;
}

async function compare(ask: Ask, tolerance: Tolerance = {}): Promise<Answer> {
  const [theirs, mine] = await Promise.all([send(real.clientUrl, ask), send(ours.url, ask)]);
  assertEqual(ask, theirs, mine, tolerance);
  return mine;
}

function assertEqual(ask: Ask, theirs: Answer, mine: Answer, { ttl = false }: Tolerance): void {
  const isListing = ask.method === "GET" && !/sorted=(true|1|t)/i.test(ask.path);
  const what = `${ask.method} ${ask.path} ${ask.form ?? ""}`;
  const [a, b] = [theirs, mine].map(({ status, headers, body }) => ({
    what,
    status,
    headers: { ...headers, "x-raft-index": undefined },
    body: comparable(body, { isListing, ttl }),
  }));
  assert.deepEqual(b, a);
  const [theirRaft, myRaft] = [theirs, mine].map((one) => one.headers["x-raft-index"]);
  if (theirRaft === undefined || ttl) assert.equal(typeof myRaft, typeof theirRaft, what);
  else assert.equal(Number(myRaft) + raftAhead, Number(theirRaft), what);
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

const get = (path: string): Ask => ({ method: "GET", path: `/v2/keys${path}` });
const put = (path: string, form: string): Ask => ({ method: "PUT", path: `/v2/keys${path}`, form });
const post = (path: string, form: string): Ask => ({
  method: "POST",
  path: `/v2/keys${path}`,
  form,
});
const del = (path: string): Ask => ({ method: "DELETE", path: `/v2/keys${path}` });

/** Takes away what a test made, so that no time to live disturbs the next. */
async function clear(...keys: string[]): Promise<void> {
  for (const key of keys)
    await Promise.all(
      [real.clientUrl, ours.url].map((url) => send(url, del(`${key}?recursive=true`))),
    );
}

const SCENARIO: readonly Ask[] = [
  get(""),
  get("/"),
  get("?recursive=true&sorted=true"),
  put("/a", "value=1"),
  put("/a", "value=2"),
  put("/a", "value=%3Cx%3E%26%22%5C%C3%BC%F0%9F%98%80%E2%80%A8%08%0c%09%0a%0d%00%7f%1f/"),
  get("/a"),
  { method: "HEAD", path: "/v2/keys/a" },
  { method: "HEAD", path: "/v2/keys/none" },
  { method: "HEAD", path: "/v2/keys/a?quorum=true" },
  put("/bytes", "value=%ff%fe%c3x%ed%a0%80"),
  get("/a?quorum=true"),
  get("/none?quorum=true"),
  put("/a/b", "value=1"),
  put("/a/b/c", "value=1"),
  get("/a/b"),
  get("/none/b/c"),
  put("/d/e/f", "value=1"),
  get("/d"),
  get("/d?recursive=true&sorted=true"),
  put("/d", "value=1"),
  put("/d", "dir=true"),
  put("/d", "dir=true&prevExist=true"),
  put("/d", "value=x&prevExist=true"),
  put("/d?dir=true&prevExist=false", ""),
  put("/d2", "dir=true"),
  put("/d2?prevExist=false", "dir=true"),
  put("/a", "dir=true"),
  get("/a"),
  get("/d2/"),
  put("/n", "prevExist=true&value=1"),
  put("/n", "prevExist=false&value=1"),
  put("/n", "prevExist=false&value=2"),
  put("/n", "prevExist=true&value=2"),
  put("/n", "prevValue=1&value=3"),
  put("/n", "prevValue=2&value=3"),
  put("/n", "prevIndex=1&value=3"),
  put("/n", "prevIndex=1&prevValue=1&value=3"),
  put("/n", "prevIndex=0&value=4"),
  put("/n", "prevExist=true&prevValue=4&value=5"),
  put("/n", "prevExist=true&prevValue=4&value=5&prevIndex=3"),
  put("/none", "prevValue=4&value=5"),
  put("/d", "prevValue=4&value=5"),
  put("/n/x", "prevValue=4&value=5"),
  put("", "prevValue=4&value=5"),
  put("", "prevExist=true&value=5"),
  put("", "prevExist=false&value=5"),
  put("", "value=5"),
  put("/", "dir=true"),
  del(""),
  del("?recursive=true"),
  del("/?prevValue=1"),
  del("/?dir=true"),
  put("/n?noValueOnSuccess=true", "value=1"),
  put("/n?noValueOnSuccess=true&prevValue=1", "value=2"),
  put("/n?noValueOnSuccess=true&prevExist=true", "value=2"),
  put("/new?noValueOnSuccess=true&prevExist=false", "value=2"),
  del("/new?noValueOnSuccess=true"),
  get("/n?noValueOnSuccess=true"),
  post("/q", "value=1"),
  post("/q", "value=2"),
  post("/q?noValueOnSuccess=1", "value=2"),
  post("/q", "dir=true"),
  post("/n", "value=1"),
  post("/n/x", "value=1"),
  post("", "value=root"),
  get("/q?sorted=true&recursive=true"),
  del("/q"),
  del("/q?dir=true"),
  del("/q?recursive=false"),
  del("/q?recursive=true"),
  del("/q?recursive=true"),
  del("/d2?dir=true"),
  del("/n?prevValue=7"),
  del("/n?prevIndex=7"),
  del("/n?prevIndex=7&prevValue=7"),
  del("/none?prevIndex=7"),
  del("/d?prevIndex=7"),
  del("/n?prevValue=2"),
  put("/_hidden/a", "value=1"),
  put("/shown/_hidden", "value=1"),
  put("/shown/x", "value=1"),
  get("/shown"),
  get("/_hidden"),
  get("/shown/_hidden"),
  get("?recursive=true&sorted=true"),
  del("/shown?dir=true"),
  put("/only/_hidden", "value=1"),
  get("/only"),
  get("/only?recursive=true"),
];

const REFUSED: readonly Ask[] = [
  ...[
    "prevIndex=x",
    "prevIndex=-1",
    "prevIndex=",
    "waitIndex=1.5",
    "prevIndex=18446744073709551616",
  ],
  ...["recursive=yes", "sorted=2", "wait=x", "dir=", "quorum=y", "stream=tRue", "wait=true"],
  ...[
    "prevValue=",
    "noValueOnSuccess=x",
    "ttl=x",
    "ttl=-1",
    "ttl=1.5",
    "prevExist=x",
    "prevExist=",
  ],
  ...[
    "refresh=x",
    "refresh=true&value=1&ttl=3",
    "refresh=true",
    "refresh=true&ttl=",
    "x=%zz",
    "x=%4",
  ],
  ...["%zz=1", "x;y", "a=1;b=2", "x=%", "ttl=5;", "prevExist=x&prevIndex=x", "refresh=T&ttl=9"],
].flatMap((form) => [
  put("/refused", form),
  put(`/refused?${form}`, ""),
  post("/refused/q", `prevExist=zz&${form}`),
  del(`/refused?${form}`),
]);

const REFUSED_READS: readonly Ask[] = [
  ...["wait=x", "waitIndex=x", "recursive=", "sorted=x", "quorum=x", "stream=x", "x=%zz", "a;b"],
  ...["ttl=x", "refresh=true", "prevExist=x", "noValueOnSuccess=x", "prevValue=", "x=%C3%zz"],
].map((query) => get(`/refused?${query}`));

const ODD: readonly Ask[] = [
  { method: "PATCH", path: "/v2/keys/a" },
  { method: "PATCH", path: "/v2/keys/a", form: "value=1" },
  { method: "HEAD", path: "/v2/keys/a?wait=true" },
  { method: "POST", path: "/v2/keys/a?wait=true" },
  { method: "PUT", path: "/v2/keys/odd1?value=query" },
  { method: "PUT", path: "/v2/keys/odd2?value=query", form: "value=body" },
  { method: "PUT", path: "/v2/keys/odd3", form: "value=1", contentType: "text/plain" },
  {
    method: "PUT",
    path: "/v2/keys/odd4",
    form: "value=1",
    contentType: "Application/X-WWW-Form-URLencoded; charset=utf-8",
  },
  { method: "DELETE", path: "/v2/keys/odd4", form: "prevValue=2" },
  { method: "PUT", path: "/v2/keys/odd5", form: "&&value=a+b%2Bc=d&value=2&" },
  { method: "PUT", path: "/v2/keys/odd6", form: "value" },
  { method: "PUT", path: "/v2/keys/odd7", form: "value=\u00fc\u{1f600}" },
  { method: "PUT", path: "/v2/keys/a%20b%2fc%3c%C3%BC", form: "value=1" },
  { method: "GET", path: "/v2/keys/a%20b/" },
  { method: "GET", path: "/v2/keys/a+b" },
  ...["//a", "/./a", "/x/../a", "/../a", "/a/.", "/a/..", "/a//", "/a/./b%20c'(*)!&<>$+,;=:@~"].map(
    (path) => ({ method: "GET", path: `/v2/keys${path}?x=1&y=<` }),
  ),
  { method: "POST", path: "/v2/keys//q", form: "value=1" },
  { method: "HEAD", path: "/v2/keys//q" },
  ...[
    "/",
    "/v2",
    "/v2/",
    "/v2/keysx",
    "/v2/foo",
    "/version/",
    "/v2/machines/",
    "/v2/stats",
    "//",
  ].map((path) => ({ method: "GET", path })),
  ...["/v2/machines", "/v2/members", "/v2/members/", "/v2/members/leader", "/v2/members/xx"].map(
    (path) => ({ method: "GET", path }),
  ),
  { method: "GET", path: "/v2/stats/leader" },
  ...["/version", "/health", "/v2/machines", "/v2/stats/store", "/v2/stats/self"].map((path) => ({
    method: "POST",
    path,
  })),
];

test("every answer of a fixed scenario is etcd's", async () => {
  for (const ask of SCENARIO) await compare(ask);
});

test("every refusal is etcd's, the first of several mistakes too", async () => {
  for (const ask of [...REFUSED, ...REFUSED_READS]) await compare(ask, { ttl: true });
  await clear("/refused");
});

test("every odd request is answered as by etcd", async () => {
  for (const ask of ODD) await compare(ask);
  const tooLarge = `value=${"x".repeat(10 << 20)}`;
  await compare(put("/large", tooLarge));
});

test("the peer address names the members as etcd's", async () => {
  const ask = { method: "GET", path: "/v2/members" };
  const [theirs, mine] = await Promise.all([send(real.clientUrl, ask), send(ours.url, ask)]);
  assert.equal(mine.body, theirs.body);
});

test("times to live", async () => {
  const ttl = { ttl: true };
  for (const ask of [
    put("/t/a", "value=1&ttl=100"),
    get("/t/a"),
    put("/t/a", "ttl=200&refresh=true"),
    put("/t/a", "ttl=200&refresh=true&prevExist=true"),
    put("/t/a", "ttl=300&refresh=true&prevExist=true&prevValue=1"),
    put("/t/a", "ttl=300&refresh=true&prevValue=2"),
    put("/t/a", "ttl=300&refresh=false&prevExist=true"),
    put("/t/a", "value=2&prevExist=true"),
    put("/t/none", "ttl=300&refresh=true"),
    put("/t/dir", "dir=true&ttl=100"),
    put("/t/dir", "prevExist=true&ttl=50"),
    put("/t/dir", "refresh=true&prevExist=true&ttl=60"),
    put("/t/dir", "refresh=true&ttl=60"),
    get("/t/dir"),
    get("/t?recursive=true&sorted=true"),
    put("/t/dir", "prevExist=true"),
    post("/t/q", "value=1&ttl=77"),
    put("/t/new", "prevExist=false&ttl=77&refresh=true"),
    put("/t/empty", "value=1&ttl="),
    put("/t/overflow", "value=1&ttl=9223372036"),
    get("/t/overflow"),
    del("/t/a"),
  ])
    await compare(ask, ttl);
  await clear("/t");
});

/** Reads until the key is gone on both. */
async function untilGone(key: string): Promise<void> {
  const until = performance.now() + LIMIT_MS;
  for (;;) {
    const both = await Promise.all([real.clientUrl, ours.url].map((url) => send(url, get(key))));
    if (both.every((answer) => answer.status === 404)) return;
    assert.ok(performance.now() < until, `${key} has not expired`);
    await sleep(50);
  }
}

test("keys and directories expire with the same events and indices", async () => {
  const ttl = { ttl: true };
  const first = await compare(put("/e/f", "value=1&ttl=1"), ttl);
  await untilGone("/e/f");
  await compare(get("/e"), ttl);
  const from = Number(first.headers["x-etcd-index"]);
  await compare(get(`/e/f?wait=true&waitIndex=${from + 1}`), ttl);
  await compare(put("/e/dir/x", "value=1"), ttl);
  await compare(put("/e/dir/y", "value=1&ttl=500"), ttl);
  await compare(put("/e/dir", "prevExist=true&ttl=1"), ttl);
  await untilGone("/e/dir");
  await compare(get(`/e?recursive=true&wait=true&waitIndex=${from + 2}`), ttl);
  await compare(get(`/e/dir/x?wait=true&waitIndex=${from + 3}`), ttl);
  await compare(get(`/e/dir/x?wait=true&waitIndex=${from + 5}`), ttl);
  await compare(put("/e/zero", "value=1&ttl=0"), ttl);
  await untilGone("/e/zero");
  await compare(get("/e?recursive=true"), ttl);
});

/** A watch on both servers, begun when both have said that it stands. */
class Watch {
  readonly ask: Ask;
  readonly #messages: readonly IncomingMessage[];
  readonly #bodies: readonly Promise<string>[];
  #isAnswered = false;

  private constructor(ask: Ask, messages: readonly IncomingMessage[]) {
    this.ask = ask;
    this.#messages = messages;
    this.#bodies = messages.map(bodyOf);
    for (const body of this.#bodies) body.catch(() => {});
    void this.#bodies[1]?.then(
      () => (this.#isAnswered = true),
      () => {},
    );
  }

  static async begin(ask: Ask, own: Agent): Promise<Watch> {
    const heads = [real.clientUrl, ours.url].map((url) => begin(url, ask, own));
    return new Watch(ask, await Promise.all(heads));
  }

  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  async check(): Promise<void> {
    const limit = AbortSignal.timeout(LIMIT_MS);
    limit.addEventListener("abort", () => this.#messages[0]?.destroy(), { once: true });
    const [theirs, mine] = this.#messages.map(headOf);
    assert.ok(theirs && mine);
    const [theirBody = "", myBody = ""] = await Promise.all(this.#bodies);
    assertEqual(this.ask, { ...theirs, body: theirBody }, { ...mine, body: myBody }, { ttl: true });
  }

  end(): void {
    for (const message of this.#messages) message.destroy();
  }
}

const RANDOM_KEYS = [
  "",
  "/a",
  "/a/b",
  "/a/b/c",
  "/ab",
  "/d",
  "/d/e",
  "/_h",
  "/_h/x",
  "/a/_h",
  "/a/_h/y",
];
const VALUES = ["", "1", "2", "three", "%3C4%3E"];

function randomAsk(random: Random, index: number): Ask {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const maybe = (share: number, text: () => string) => (random() < share ? `&${text()}` : "");
  const key = pick(RANDOM_KEYS);
  const near = () => Math.max(0, index - Math.floor(random() * 12));
  const conditions = () =>
    maybe(0.2, () => `prevValue=${pick(VALUES)}`) + maybe(0.2, () => `prevIndex=${near()}`);
  const kind = random();
  if (kind < 0.15)
    return get(
      `${key}?recursive=${pick(["true", "false"])}&sorted=${pick(["true", "false"])}${maybe(0.2, () => "quorum=true")}`,
    );
  if (kind < 0.6)
    return put(
      key,
      `value=${pick(VALUES)}${conditions()}${maybe(0.3, () => `prevExist=${pick(["true", "false"])}`)}` +
        maybe(0.12, () => "dir=true") +
        maybe(0.1, () => `ttl=${1000 + Math.floor(random() * 1000)}`) +
        maybe(0.05, () => "refresh=true") +
        maybe(0.05, () => "noValueOnSuccess=true"),
    );
  if (kind < 0.7) return post(key, `value=${pick(VALUES)}${maybe(0.1, () => "dir=true")}`);
  if (kind < 0.9)
    return del(
      `${key}?x=1${maybe(0.4, () => "recursive=true")}${maybe(0.3, () => "dir=true")}${conditions()}`,
    );
  return get(
    `${key}?wait=true${maybe(0.5, () => "recursive=true")}${maybe(0.7, () => `waitIndex=${Math.floor(index + 3 - random() ** 3 * 1200)}`)}`,
  );
}

async function runRandom(t: TestContext, seed: number, count: number): Promise<void> {
  const random = seededRandom(seed);
  const own = new Agent({ keepAlive: false });
  t.after(() => own.destroy());
  const watches: Watch[] = [];
  t.after(() => watches.forEach((watch) => watch.end()));
  let index = 4;
  let answered = 0;
  for (let at = 0; at < count; at++) {
    const ask = randomAsk(random, index);
    try {
      if (ask.path.includes("wait=true")) watches.push(await Watch.begin(ask, own));
      else {
        const answer = await compare(ask, { ttl: true });
        index = Number(answer.headers["x-etcd-index"] ?? index) || index;
      }
      for (const watch of watches.filter((one) => one.isAnswered)) {
        await watch.check();
        answered += 1;
        watches.splice(watches.indexOf(watch), 1);
      }
      // Those that nothing may ever answer pile up.
      if (watches.length > 40) watches.shift()?.end();
    } catch (error) {
      t.diagnostic(`seed ${seed}, request ${at}: ${JSON.stringify(ask)}`);
      throw error;
    }
  }
  t.diagnostic(`seed ${seed}: ${count} requests, ${answered} watches answered, at index ${index}`);
  assert.ok(answered > count / 50);
}

for (const seed of [1, 2, 3])
  test(`random requests, seed ${seed}`, (t) => runRandom(t, seed, 2000));

test("streams: etcd's events, each once", async (t) => {
  const own = new Agent();
  t.after(() => own.destroy());
  const ask = get("/stream?wait=true&stream=true&recursive=true");
  const heads = await Promise.all([real.clientUrl, ours.url].map((url) => begin(url, ask, own)));
  const lines: string[][] = [[], []];
  heads.forEach((message, at) => {
    let rest = "";
    message.on("error", () => {});
    message.on("data", (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) if (lines[at]?.at(-1) !== line) lines[at]?.push(line);
    });
  });
  for (const change of [
    put("/stream/a", "value=1"),
    put("/stream/_hidden", "value=1"),
    put("/stream/b/c", "value=1"),
    del("/stream/a"),
    del("/stream/b?recursive=true"),
    del("/stream?recursive=true"),
    put("/stream", "value=end"),
  ])
    await compare(change, { ttl: true });
  const until = performance.now() + LIMIT_MS;
  while (!lines.every((each) => each.at(-1)?.includes("end"))) {
    assert.ok(performance.now() < until, "the streams have not ended");
    await sleep(20);
  }
  assert.deepEqual(lines[1], lines[0]);
  assert.equal(lines[1]?.length, 6);
});

test("/health says what etcd's does", async () => {
  await compare({ method: "GET", path: "/health" }, { ttl: true });
});

test("statistics of writes are etcd's", async () => {
  const ask = { method: "GET", path: "/v2/stats/store" };
  const both = await Promise.all([send(real.clientUrl, ask), send(ours.url, ask)]);
  const [theirs, mine] = both.map(({ body }) => {
    const { getsSuccess: _, getsFail: __, watchers: ___, ...writes } = JSON.parse(body);
    return writes as Record<string, number>;
  });
  assert.deepEqual(mine, theirs);
});
