import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { openLogger } from "#base/logger.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { EtcdLog } from "#log/etcd-log.ts";
import { FakeEtcd, type FakeEtcdClient, type FakeFaults, NO_FAULTS } from "#log/fake-etcd.ts";
import { between, pick } from "#test/simulation/pick.ts";
import type { StorePlace } from "./store-place.ts";

const SERVERS = 3;
const OPEN_WITHIN_MS = 5_000;
const PAUSE_MAX_MS = 8_000;
const CALM: FakeFaults = { ...NO_FAULTS, delayMaxMs: 20 };
/** A request is lost now and then at any time. */
const USUAL: FakeFaults = {
  delayMaxMs: 20,
  lostShare: 0.01,
  lateShare: 0.005,
  twiceShare: 0.02,
  breakShare: 0.01,
};

/** Three servers whose log is in one etcd, each with its own way there, which loses, delays and repeats. */
export function etcdPlace(seed: number, clock: Clock): StorePlace {
  const random = seededRandom(seed + 0.5);
  const etcd = new FakeEtcd(clock, random);
  const clients = new Map<number, FakeEtcdClient>();
  const logs = new Map<number, EtcdLog>();
  const logger = openLogger("silent");
  let isCalm = false;
  // Small values make entries and snapshots of several parts, and pages of listings, common.
  const limits = { valueBytes: 400, pageKeys: 7, trimKeys: 3 };
  return {
    servers: SERVERS,
    async open(server, serverClock) {
      const client = etcd.connect(isCalm ? CALM : USUAL);
      clients.set(server, client);
      const late = new AbortController();
      const done = new AbortController();
      void clock.sleep(OPEN_WITHIN_MS, done.signal).then(
        () => late.abort(new Fault("TIMED_OUT", "Cannot open the log: etcd does not answer")),
        () => {},
      );
      try {
        const options = { client, prefix: "/log", clock: serverClock, random, logger, limits };
        const log = await EtcdLog.open(options, late.signal);
        logs.set(server, log);
        return log;
      } finally {
        done.abort();
      }
    },
    crash(server) {
      const client = clients.get(server);
      if (client) client.isCut = true; // what is under way is lost, or comes late; nobody hears of it
    },
    disturb(by) {
      isCalm = false;
      return clients.size === 0 ? "nothing" : disturb(by, etcd, [...clients.values()], clock);
    },
    heal() {
      for (const client of clients.values()) {
        client.isCut = false;
        Object.assign(client.faults, CALM);
      }
      isCalm = true;
    },
  };
}

function disturb(
  random: Random,
  etcd: FakeEtcd,
  clients: readonly FakeEtcdClient[],
  clock: Clock,
): string {
  const client = pick(random, clients);
  const at = clients.indexOf(client);
  const dice = random();
  if (dice < 0.25) {
    client.isCut = true;
    return `${at} cut off`;
  }
  if (dice < 0.35) {
    for (const one of clients) one.isCut = true;
    return "all cut off";
  }
  if (dice < 0.6) {
    client.pausedUntilMs = clock.monotonicMs() + between(random, 0, PAUSE_MAX_MS);
    return `${at} paused`;
  }
  if (dice < 0.75) {
    const { header, compactRevision } = etcd.store;
    if (header.revision > compactRevision) etcd.compact(header.revision);
    return "etcd compacted";
  }
  if (dice < 0.9) {
    Object.assign(client.faults, {
      lostShare: 0.3,
      lateShare: 0.2,
      twiceShare: 0.3,
      breakShare: 0.2,
    });
    return `${at} loses much`;
  }
  client.faults.delayMaxMs = 700;
  return `${at} slow`;
}
