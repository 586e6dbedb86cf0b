import assert from "node:assert/strict";
import { Agent } from "node:http";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Answer, type Ask, begin, del, get, Oracle, post, put } from "#keys/oracle.ts";
import { auth } from "#keys/oracle-auth-scenarios.ts";
import { WatchPair } from "#keys/oracle-watch.ts";

const LIMIT_MS = 30_000;
let oracle: Oracle;

before(async () => {
  oracle = await Oracle.open();
});
after(async () => {
  await oracle?.[Symbol.asyncDispose]();
});

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + LIMIT_MS;
  while (!(await isSo())) {
    assert.ok(performance.now() < untilMs, `not yet: ${what}`);
    await sleep(20);
  }
}

const WATCHED = [
  "",
  ..."/w /w/a /w/a/b /w/a/b/c /w/ab /w/none /w/_h /w/_h/x /w/a/_h /w/e /w/e/x /w/q".split(" "),
].flatMap((key) => [`${key}?wait=true`, `${key}?wait=true&recursive=true`]);

/** Changes of every kind, of keys above, at and below what is watched. */
const CHANGES: readonly Ask[] = [
  put("/w/a/b/c", "value=1"),
  put("/w/a/b/c", "value=2"),
  put("/w/a/b/c", "value=3&prevExist=true"),
  put("/w/a/b/c", "value=3&prevExist=false"),
  put("/w/a/b/c", "value=4&prevValue=3"),
  put("/w/a/b/c", "ttl=1000&refresh=true&prevExist=true"),
  put("/w/a/b/c", "value=5&prevExist=true"),
  put("/w/a/_h", "value=1"),
  put("/w/_h/x", "value=1"),
  put("/w/ab", "value=1"),
  post("/w/q", "value=1"),
  put("/w/none", "dir=true"),
  del("/w/none?dir=true"),
  del("/w/a/b/c?prevValue=5"),
  put("/w/a/b/c", "value=6"),
  del("/w/a?recursive=true"),
  del("/w/_h/x"),
  put("/w/a/b", "value=1"),
  del("/w/a/b"),
  del("/w/ab?recursive=true"),
];

/** A directory and a key that expire, and then everything goes. */
async function change(): Promise<void> {
  for (const ask of CHANGES) await oracle.compare(ask, { ttl: true });
  await oracle.compare(put("/w/e/x", "value=1"), { ttl: true });
  await oracle.compare(put("/w/e", "prevExist=true&ttl=1"), { ttl: true });
  await untilGone("/w/e");
  await oracle.compare(put("/w/e", "value=1&ttl=1"), { ttl: true });
  await untilGone("/w/e");
  await oracle.compare(put("/w/a/b/c", "value=1"), { ttl: true });
  await oracle.compare(del("/w?recursive=true"), { ttl: true });
}

async function untilGone(key: string): Promise<void> {
  await until(`${key} is gone`, async () =>
    (await oracle.ask(get(key))).every((answer) => answer.status === 404),
  );
}

test("who is told of a change, and of what: watches from now, from the past and from the future", async (t) => {
  const own = new Agent();
  t.after(() => own.destroy());
  const first = await oracle.compare(put("/before", "value=1"));
  const index = Number(first.headers["x-etcd-index"]);
  const pairs: WatchPair[] = [];
  t.after(() => pairs.forEach((pair) => pair.end()));
  const open = async (since: string) => {
    for (const watched of WATCHED)
      pairs.push(await WatchPair.begin(oracle, get(watched + since), own));
  };
  await open("");
  for (const ahead of [1, 2, 9, 14, 17, 100]) await open(`&waitIndex=${index + ahead}`);
  await change();
  for (const behind of [1, 5, 12, 16, 20]) await open(`&waitIndex=${index + behind}`);
  await until("both told the same watches", () => pairs.every((pair) => pair.isLevel));
  const told = pairs.filter((pair) => pair.isAnswered);
  for (const pair of told) await pair.check(true);
  t.diagnostic(`${told.length} of ${pairs.length} watches were told`);
  assert.ok(told.length > pairs.length / 3);
});

test("history: what is too old is refused at the same index, and everything takes its place in it", async () => {
  const refresh = put("/h/a", "ttl=5000&refresh=true&prevExist=true");
  await oracle.compare(put("/h/a", "value=1"), { ttl: true });
  for (let at = 0; at < 990; at++)
    await oracle.ask(at % 10 === 0 ? refresh : post("/h/q", "value=1"));
  const role = { role: "r", permissions: { kv: { read: ["/a"], write: [] } } };
  await oracle.compare(auth("PUT", "/roles/r", role), { ttl: true });
  await oracle.compare(del("/h/a"), { ttl: true });
  const last = await oracle.compare(put("/h/last", "value=1"), { ttl: true });
  const index = Number(last.headers["x-etcd-index"]);
  const answers: Answer[] = [];
  for (const back of [1005, 1001, 1000, 999, 998, 995, 12, 9, 5, 3, 1, 0])
    for (const key of ["/h", "/h/q", "/h/last"]) {
      const ask = get(`${key}?wait=true&recursive=true&waitIndex=${index - back}`);
      if (key !== "/h/q" || back > 9) answers.push(await oracle.compare(ask, { ttl: true }));
    }
  const refused = answers.filter(({ status }) => status === 400).length;
  assert.ok(refused > 3 && refused < answers.length / 2, String(refused));
});

test("streams: etcd's events, each once and in order", async (t) => {
  const own = new Agent();
  t.after(() => own.destroy());
  const streams = await Promise.all(
    WATCHED.map(async (watched) => {
      const ask = get(`${watched}&stream=true`);
      const heads = await Promise.all(oracle.urls.map((url) => begin(url, ask, own)));
      t.after(() => heads.forEach((head) => head.destroy()));
      const texts = ["", ""];
      heads.forEach((head, at) => {
        head.on("error", () => {});
        head.on("data", (chunk: Buffer) => (texts[at] += chunk.toString()));
      });
      return { ask, lines: () => texts.map(linesOf) };
    }),
  );
  await change();
  await until("both told the same", () =>
    streams.every(({ lines }) => lines()[0]?.length === lines()[1]?.length),
  );
  for (const { ask, lines } of streams) assert.deepEqual(lines()[1], lines()[0], ask.path);
  const [all] = streams[1]?.lines() ?? [];
  assert.ok((all?.length ?? 0) > CHANGES.length, "the root's stream is told of nearly everything");
});

/** Whole lines, one that comes twice in a row once: etcd tells of some deletions twice. Times are not compared. */
function linesOf(text: string): string[] {
  const lines = text.split("\n").slice(0, -1);
  return lines
    .filter((line, at) => line !== lines[at - 1])
    .map((line) => line.replaceAll(/"expiration":"[^"]*"(?:,"ttl":-?\d+)?/g, '"expiration":"?"'));
}
