import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "#base/fake-clock.ts";
import { openLogger } from "#base/logger.ts";
import { seededRandom } from "#base/random.ts";
import type { EtcdClient } from "#log/etcd-client.ts";
import { EtcdLog } from "#log/etcd-log.ts";
import { FakeEtcd } from "#log/fake-etcd.ts";

const BEFORE = ["a", "b"];

/** An etcd that holds the same entries as another one made by this. */
async function olderCopy(clock: FakeClock): Promise<FakeEtcd> {
  const etcd = new FakeEtcd(clock, seededRandom(1));
  const log = await openLog(clock, etcd.connect());
  for (const data of BEFORE) {
    void log.append(data);
    await clock.advance(100);
  }
  await log[Symbol.asyncDispose]();
  return etcd;
}

async function openLog(clock: FakeClock, client: EtcdClient, seed = 1): Promise<EtcdLog> {
  const logger = openLogger("silent");
  const options = { client, prefix: "/k", clock, random: seededRandom(seed), logger };
  const log = await EtcdLog.open(options, new AbortController().signal);
  log.start({ deliver() {}, replace() {} });
  await clock.advance(0);
  return log;
}

/** A server that read three entries, before its etcd is exchanged for a copy that has only two of them. */
async function setBack(restore: (copy: FakeEtcd, clock: FakeClock) => Promise<void>) {
  const clock = new FakeClock();
  const links = [(await olderCopy(clock)).connect()];
  const client = new Proxy(links[0] ?? assert.fail(), {
    get(_, name) {
      const link = links.at(-1) ?? assert.fail();
      const found: unknown = Reflect.get(link, name, link);
      return typeof found === "function" ? found.bind(link) : found;
    },
  });
  const log = await openLog(clock, client, 2);
  void log.append("c").catch(() => {});
  await clock.advance(5_000);
  const copy = await olderCopy(clock);
  await restore(copy, clock);
  for (const link of links) link.isCut = true; // its watch ends
  links.push(copy.connect());
  await clock.advance(10_000);
  return log;
}

const RESTORED = {
  "and has fewer revisions": async () => {},
  "and other servers went on": async (copy: FakeEtcd, clock: FakeClock) => {
    const other = await openLog(clock, copy.connect(), 3);
    for (let at = 0; at < 20; at++) void other.append(`other ${at}`);
    await clock.advance(1_000);
    for (let at = 0; at < 20; at++) {
      void other.append(`again ${at}`);
      await clock.advance(10);
    }
    await other[Symbol.asyncDispose]();
  },
};
for (const [name, restore] of Object.entries(RESTORED))
  test(`an etcd that was restored from an older copy is not followed: ${name}`, async () => {
    const log = await setBack(restore);
    assert.equal(log.fault?.code, "LOG_CORRUPT");
    assert.match(log.fault?.message ?? "", /set back/);
    assert.equal(log.failed.aborted, true);
    assert.equal(log.leads, false);
    await log[Symbol.asyncDispose]();
  });

test("a log that is closed has not failed", async () => {
  const clock = new FakeClock();
  const log = await openLog(clock, (await olderCopy(clock)).connect());
  await log[Symbol.asyncDispose]();
  assert.equal(log.failed.aborted, false);
});
