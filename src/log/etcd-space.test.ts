import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeClock } from "#base/fake-clock.ts";
import { openLogger } from "#base/logger.ts";
import { seededRandom } from "#base/random.ts";
import { EtcdLog } from "#log/etcd-log.ts";
import { FakeEtcd } from "#log/fake-etcd.ts";

const QUOTA_BYTES = 1_000;

async function openLog(quotaBytes?: number) {
  const clock = new FakeClock();
  const random = seededRandom(1);
  const etcd = new FakeEtcd(clock, random);
  const own = quotaBytes === undefined ? {} : { quotaBytes };
  const logger = openLogger("silent");
  const options = { client: etcd.connect(), prefix: "/k", clock, random, logger, ...own };
  const log = await EtcdLog.open(options, new AbortController().signal);
  log.start({ deliver() {}, replace() {} });
  await clock.advance(1_000);
  return { clock, etcd, log };
}

/** What etcd and the log say after two looks at a file of that size. */
async function look(space: FakeEtcd["space"], quotaBytes?: number) {
  const { clock, etcd, log } = await openLog(quotaBytes);
  Object.assign(etcd.space, space);
  await clock.advance(21_000);
  const { sizeBytes, isAlarmed } = etcd.space;
  const seen = { sizeBytes, isAlarmed, fault: log.fault?.facts?.["etcd"] };
  await log[Symbol.asyncDispose]();
  return seen;
}

const NO_SPACE = "etcdserver: mvcc: database space exceeded";
const USED_UP = { isAlarmed: true, fault: NO_SPACE };
const FINE = { isAlarmed: false, fault: undefined };
const CASES = [
  ["a large file with little in use is made smaller", 600, 200, false, { sizeBytes: 200, ...FINE }],
  ["a file of which most is in use is left", 600, 400, false, { sizeBytes: 600, ...FINE }],
  ["a small file is left", 400, 10, false, { sizeBytes: 400, ...FINE }],
  ["the alarm goes when there is room", 1_000, 500, true, { sizeBytes: 500, ...FINE }],
  ["the alarm stays when all is in use", 1_000, 950, true, { sizeBytes: 1_000, ...USED_UP }],
] as const;
for (const [name, sizeBytes, inUseBytes, isAlarmed, expected] of CASES)
  test(`this server's own etcd: ${name}`, async () => {
    const seen = await look({ sizeBytes, inUseBytes, isAlarmed }, QUOTA_BYTES);
    assert.deepEqual(seen, expected);
  });

test("somebody else's etcd is left as it is; that its space is used up is told", async () => {
  const seen = await look({ sizeBytes: 1_000, inUseBytes: 10, isAlarmed: true });
  assert.deepEqual(seen, { sizeBytes: 1_000, ...USED_UP });
});

test("a snapshot is wished for when much more is in use than after the last one", async () => {
  const { clock, etcd, log } = await openLog(QUOTA_BYTES);
  const inUse = async (inUseBytes: number) => {
    Object.assign(etcd.space, { sizeBytes: inUseBytes, inUseBytes });
    await clock.advance(11_000);
    return log.isCrowded;
  };
  assert.deepEqual([await inUse(100), await inUse(490), await inUse(510)], [false, false, true]);
  void log.append("a");
  await clock.advance(100);
  const saving = log.saveSnapshot(1, ["a"]);
  await clock.advance(2_000);
  await saving;
  assert.deepEqual([await inUse(510), await inUse(600), await inUse(640)], [false, false, true]);
  await log[Symbol.asyncDispose]();
});
