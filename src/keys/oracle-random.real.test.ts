import assert from "node:assert/strict";
import { Agent } from "node:http";
import { type TestContext, test } from "node:test";
import { seededRandom } from "#base/random.ts";
import { type Ask, isWatch, Oracle } from "#keys/oracle.ts";
import { RandomAsks } from "#keys/oracle-random.ts";
import { WatchPair } from "#keys/oracle-watch.ts";

/** Watches that nothing may ever answer pile up; beyond this the oldest is given up. */
const WATCHES_MAX = 40;

interface Run {
  readonly seed: number;
  readonly count: number;
  readonly draw: (asks: RandomAsks, index: number) => Ask;
  /** Whether keys get times to live; then X-Raft-Index cannot be compared. */
  readonly ttl: boolean;
}

/** Asks both the same and compares every answer; a watch's when it comes. Resolves with how many watches were told. */
async function run(t: TestContext, { seed, count, draw, ttl }: Run): Promise<number> {
  await using oracle = await Oracle.open();
  const asks = new RandomAsks(seededRandom(seed), { ttl });
  const own = new Agent({ keepAlive: false });
  t.after(() => own.destroy());
  const watches: WatchPair[] = [];
  t.after(() => watches.forEach((watch) => watch.end()));
  let index = 4;
  let told = 0;
  for (let at = 0; at < count; at++) {
    const ask = draw(asks, index);
    try {
      if (isWatch(ask)) watches.push(await WatchPair.begin(oracle, ask, own));
      else {
        const answer = await oracle.compare(ask, { ttl });
        index = Number(answer.headers["x-etcd-index"]) || index;
      }
      for (const watch of watches.filter((one) => one.isAnswered)) {
        await watch.check(ttl);
        told += 1;
        watches.splice(watches.indexOf(watch), 1);
      }
      if (watches.length > WATCHES_MAX) watches.shift()?.end();
    } catch (error) {
      t.diagnostic(`seed ${seed}, request ${at}: ${JSON.stringify(ask)}`);
      throw error;
    }
  }
  const stats = { method: "GET", path: "/v2/stats/store" };
  const [theirs, mine] = (await oracle.ask(stats)).map(({ body }) => {
    const { getsSuccess: _, getsFail: __, watchers: ___, ...writes } = JSON.parse(body);
    return writes as Record<string, number>;
  });
  assert.deepEqual(mine, theirs);
  t.diagnostic(`seed ${seed}: ${count} requests, ${told} watches told, at index ${index}`);
  return told;
}

for (const seed of [1, 2])
  test(`random requests for keys, seed ${seed}`, async (t) => {
    const told = await run(t, { seed, count: 3000, draw: (asks, at) => asks.keys(at), ttl: false });
    assert.ok(told > 100);
  });

test("random requests for keys with times to live", async (t) => {
  const told = await run(t, { seed: 3, count: 2000, draw: (asks, at) => asks.keys(at), ttl: true });
  assert.ok(told > 70);
});

test("random users, roles and requests by them", async (t) => {
  await run(t, { seed: 4, count: 200, draw: (asks, at) => asks.auth(at), ttl: false });
});
