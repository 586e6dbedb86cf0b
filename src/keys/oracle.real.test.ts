import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { del, get, Oracle, post, put } from "#keys/oracle.ts";
import { ODD, PATHS, REFUSED, REFUSED_READS, SCENARIO } from "#keys/oracle-scenarios.ts";

const LIMIT_MS = 20_000;
let oracle: Oracle;

before(async () => {
  oracle = await Oracle.open();
});
after(async () => {
  await oracle?.[Symbol.asyncDispose]();
});

/** Takes away what a test made, so that no time to live disturbs the next. */
async function clear(key: string): Promise<void> {
  await oracle.ask(del(`${key}?recursive=true`));
}

test("every answer of a fixed scenario is etcd's", async () => {
  for (const ask of SCENARIO) await oracle.compare(ask);
});

test("every refusal is etcd's, the first of several mistakes too", async () => {
  for (const ask of [...REFUSED, ...REFUSED_READS]) await oracle.compare(ask, { ttl: true });
  await clear("/refused");
});

test("every odd request is answered as by etcd", async () => {
  for (const ask of ODD) await oracle.compare(ask);
  for (const ask of PATHS) await oracle.compare(ask);
  const tooLarge = `value=${"x".repeat(10 << 20)}`;
  await oracle.compare(put("/large", tooLarge));
});

test("the peer address names the members as etcd's", async () => {
  for (const path of ["/members", "/", "/v2/keys"]) {
    const ask = { method: "GET", path };
    oracle.assertEqual(ask, await oracle.ask(ask, oracle.peerUrls), {});
  }
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
    await oracle.compare(ask, ttl);
  await clear("/t");
});

/** Reads until the key is gone on both. */
async function untilGone(key: string): Promise<void> {
  const until = performance.now() + LIMIT_MS;
  for (;;) {
    const both = await oracle.ask(get(key));
    if (both.every((answer) => answer.status === 404)) return;
    assert.ok(performance.now() < until, `${key} has not expired`);
    await sleep(50);
  }
}

test("keys and directories expire with the same events and indices", async () => {
  const ttl = { ttl: true };
  const first = await oracle.compare(put("/e/f", "value=1&ttl=1"), ttl);
  await untilGone("/e/f");
  await oracle.compare(get("/e"), ttl);
  const from = Number(first.headers["x-etcd-index"]);
  await oracle.compare(get(`/e/f?wait=true&waitIndex=${from + 1}`), ttl);
  await oracle.compare(put("/e/dir/x", "value=1"), ttl);
  await oracle.compare(put("/e/dir/y", "value=1&ttl=500"), ttl);
  await oracle.compare(put("/e/dir", "prevExist=true&ttl=1"), ttl);
  await untilGone("/e/dir");
  await oracle.compare(get(`/e?recursive=true&wait=true&waitIndex=${from + 2}`), ttl);
  await oracle.compare(get(`/e/dir/x?wait=true&waitIndex=${from + 3}`), ttl);
  await oracle.compare(get(`/e/dir/x?wait=true&waitIndex=${from + 5}`), ttl);
  await oracle.compare(put("/e/zero", "value=1&ttl=0"), ttl);
  await untilGone("/e/zero");
  await oracle.compare(get("/e?recursive=true"), ttl);
});

test("what a member says of its version and of itself has etcd's fields", async () => {
  for (const path of ["/version", "/v2/stats/self", "/v2/stats/leader", "/v2/stats/store"]) {
    const [theirs, mine] = await oracle.ask({ method: "GET", path });
    assert.deepEqual(shapeOf(JSON.parse(mine.body)), shapeOf(JSON.parse(theirs.body)), path);
    assert.deepEqual(
      { ...mine, body: "", lengthBytes: 0 },
      { ...theirs, body: "", lengthBytes: 0 },
    );
  }
});

/** The same fields in the same order, each with the type of its value. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.entries(value).map(([name, field]) => [name, shapeOf(field)]);
}

test("/health says what etcd's does", async () => {
  await oracle.compare({ method: "GET", path: "/health" }, { ttl: true });
});

test("statistics of reads are etcd's, but for its own look-ups whether authentication is on", async () => {
  const asks = ["/a", "/a?quorum=true", "/none", "/none?quorum=true", "?recursive=true"].map(get);
  const before = await readCounts();
  for (const ask of asks) await oracle.compare(ask, { ttl: true });
  const after = await readCounts();
  const [theirs, mine] = after.map((counts, at) => ({
    success: counts.getsSuccess - (before[at]?.getsSuccess ?? 0),
    fail: counts.getsFail - (before[at]?.getsFail ?? 0),
  }));
  assert.deepEqual(mine, { success: 3, fail: 2 });
  assert.deepEqual(theirs, { success: 3, fail: 2 + asks.length });
  assert.equal(after[1]?.watchers, after[0]?.watchers);
});

async function readCounts() {
  const answers = await oracle.ask({ method: "GET", path: "/v2/stats/store" });
  return answers.map(
    ({ body }) => JSON.parse(body) as { getsSuccess: number; getsFail: number; watchers: number },
  );
}

test("statistics of writes are etcd's", async () => {
  const ask = { method: "GET", path: "/v2/stats/store" };
  const [theirs, mine] = (await oracle.ask(ask)).map(({ body }) => {
    const { getsSuccess: _, getsFail: __, watchers: ___, ...writes } = JSON.parse(body);
    return writes as Record<string, number>;
  });
  assert.deepEqual(mine, theirs);
});
