import assert from "node:assert/strict";
import { FakeClock } from "#base/fake-clock.ts";
import { openLogger } from "#base/logger.ts";
import { type Random, seededRandom } from "#base/random.ts";
import type { LogReader, LogSnapshot } from "#log/core/log.ts";
import type { EtcdClient } from "#log/etcd-client.ts";
import { EtcdLog } from "#log/etcd-log.ts";
import { FakeEtcd, type FakeEtcdClient, type FakeFaults, NO_FAULTS } from "#log/fake-etcd.ts";

const SERVERS = 3;
const STEPS = 80;
const HEAL_MS = 25_000;
/** Small, so that everything is cut and paged. */
const LIMITS = { valueBytes: 48, pageKeys: 4, trimKeys: 3 };
const logger = openLogger("silent");

/** What one append came to: its index, or that it was rejected. */
interface Appended {
  readonly data: string;
  index: number | "rejected" | "waiting";
}

/** Changes a client, to plant a fault in what is built on it. */
export type Disguise = (client: EtcdClient) => EtcdClient;

/** One server: the log, and the whole sequence as it was delivered. */
class Server implements LogReader {
  readonly name: string;
  readonly link: FakeEtcdClient;
  readonly #disguise: Disguise;
  readonly #clock: FakeClock;
  readonly #random: Random;
  readonly #seed: LogSnapshot;
  log: EtcdLog | undefined;
  seen: string[] = [];
  jumps = 0;
  /** What a callback found wrong. */
  wrong: Error | undefined;

  constructor(name: string, link: FakeEtcdClient, simulation: EtcdLogSimulation) {
    this.name = name;
    this.link = link;
    this.#disguise = simulation.disguise;
    this.#clock = simulation.clock;
    this.#random = simulation.random;
    const index = 1 + Math.floor(this.#random() * 9);
    this.#seed = { index, chunks: Array.from({ length: index }, (_, at) => `seed ${name} ${at}`) };
  }

  async open(): Promise<void> {
    const { link: client } = this;
    const log = await EtcdLog.open(
      {
        client: this.#disguise(client),
        prefix: "/k",
        clock: this.#clock,
        random: this.#random,
        logger,
        limits: LIMITS,
        seed: this.#seed,
      },
      new AbortController().signal,
    );
    this.seen = log.snapshot ? [...log.snapshot.chunks] : [];
    assert.equal(this.seen.length, log.snapshot?.index ?? 0);
    this.log = log;
    log.start(this);
  }

  async close(): Promise<void> {
    const { log } = this;
    this.log = undefined;
    await log?.[Symbol.asyncDispose]();
  }

  deliver(entries: Parameters<LogReader["deliver"]>[0]): void {
    for (const { index, data } of entries) {
      if (index !== this.seen.length + 1)
        this.wrong ??= new assert.AssertionError({
          message: `${this.name} got entry ${index} after ${this.seen.length}`,
        });
      this.seen.push(data);
    }
  }

  replace({ index, chunks }: Parameters<LogReader["replace"]>[0]): void {
    this.jumps += 1;
    if (index <= this.seen.length || index !== chunks.length)
      this.wrong ??= new assert.AssertionError({
        message: `${this.name} jumped from ${this.seen.length} to ${index}`,
      });
    this.seen = [...chunks];
  }
}

/** Several logs over one fake etcd, with faults, from one seed. Rejects with what does not hold. */
export class EtcdLogSimulation {
  readonly clock = new FakeClock();
  readonly random: Random;
  readonly disguise: Disguise;
  readonly #etcd: FakeEtcd;
  readonly #servers: Server[];
  readonly #appended: Appended[] = [];
  #saved = 0;

  constructor(seed: number, disguise: Disguise = (client) => client) {
    this.random = seededRandom(seed);
    this.disguise = disguise;
    this.#etcd = new FakeEtcd(this.clock, this.random);
    this.#servers = Array.from(
      { length: SERVERS },
      (_, at) => new Server(`s${at}`, this.#etcd.connect(), this),
    );
  }

  /** What the run met with, to see that it met with enough. */
  async run(): Promise<{ entries: number; rejected: number; jumps: number; saved: number }> {
    for (const { link } of this.#servers) Object.assign(link.faults, this.#draw());
    await this.#settle(this.#servers.map((server) => server.open()));
    for (let step = 0; step < STEPS; step++) {
      this.#act();
      await this.clock.advance(this.random() * this.random() * 4_000);
      this.#check();
    }
    return this.#end();
  }

  #act(): void {
    const server = this.#pick(this.#servers);
    const { link } = server;
    const kind = Math.floor(this.random() * 20);
    if (kind < 8) this.#append(server, 1 + Math.floor(this.random() * 6));
    else if (kind < 11) this.#save(server);
    else if (kind < 13) link.pausedUntilMs = this.clock.monotonicMs() + this.random() * 15_000;
    else if (kind < 15) link.isCut = !link.isCut;
    else if (kind < 17) Object.assign(link.faults, this.#draw());
    else if (kind < 19) this.#compact();
    else void this.#restart(server);
  }

  #draw(): FakeFaults {
    if (this.random() < 0.4) return NO_FAULTS;
    return {
      delayMaxMs: this.random() * 500,
      lostShare: this.random() * 0.3,
      lateShare: this.random() * 0.3,
      twiceShare: this.random() * 0.2,
      breakShare: this.random() * 0.5,
    };
  }

  #append({ name, log }: Server, count: number): void {
    for (let at = 0; at < count && log; at++) {
      const padding = "x".repeat(this.random() < 0.2 ? this.random() * 200 : 3);
      const data = `${name} ${this.#appended.length} ${padding}`;
      const appended: Appended = { data, index: "waiting" };
      this.#appended.push(appended);
      log.append(data).then(
        (index) => (appended.index = index),
        () => (appended.index = "rejected"),
      );
    }
  }

  #save({ log, seen }: Server): void {
    const index = Math.max(0, seen.length - Math.floor(this.random() * 4));
    if (!log || index === 0) return;
    log.saveSnapshot(index, seen.slice(0, index)).then(
      () => (this.#saved += 1),
      () => {},
    );
  }

  #compact(): void {
    const { revision } = this.#etcd.store.header;
    const to = revision - Math.floor(this.random() * this.random() * 5);
    if (to > this.#etcd.store.compactRevision) this.#etcd.compact(to);
  }

  async #restart(server: Server): Promise<void> {
    if (!server.log) return;
    await server.close();
    await server.open().catch((error: Error) => (server.wrong ??= error));
  }

  #check(): void {
    for (const { wrong, log, name } of this.#servers) {
      if (wrong !== undefined) throw wrong;
      const fault = log?.fault;
      if (fault && fault.code !== "STORE_UNAVAILABLE") throw new Error(name, { cause: fault });
    }
    const leaders = this.#servers.filter(({ log }) => log?.leads);
    assert.ok(leaders.length <= 1, `${leaders.length} lead`);
  }

  /** After the faults end: everything is answered, equal everywhere, and nothing is there twice. */
  async #end() {
    for (const { link } of this.#servers) {
      link.isCut = false;
      link.pausedUntilMs = 0;
      Object.assign(link.faults, NO_FAULTS);
    }
    await this.clock.advance(HEAL_MS);
    for (const server of this.#servers) this.#append(server, 1);
    await this.clock.advance(1_000);
    this.#check();
    for (const appended of this.#appended.slice(-SERVERS))
      assert.equal(typeof appended.index, "number", "a healthy log does not take entries");
    assert.equal(this.#servers.filter(({ log }) => log?.leads).length, 1, "nobody leads");
    const [first] = this.#servers;
    const sequence = first?.seen ?? [];
    for (const { seen, name } of this.#servers)
      assert.deepEqual(seen, sequence, `${name} differs from s0`);
    assert.equal(new Set(sequence).size, sequence.length, "an entry is there twice");
    for (const { data, index } of this.#appended) {
      assert.notEqual(index, "waiting", `${data} was never answered`);
      if (typeof index === "number") assert.equal(sequence[index - 1], data);
    }
    assert.match(sequence[0] ?? "", /^seed/, "an empty log was not seeded");
    await this.#settle(this.#servers.map((server) => server.close()));
    return {
      entries: sequence.length,
      rejected: this.#appended.filter(({ index }) => index === "rejected").length,
      jumps: this.#servers.reduce((sum, { jumps }) => sum + jumps, 0),
      saved: this.#saved,
    };
  }

  async #settle(work: readonly Promise<void>[]): Promise<void> {
    let isDone = false;
    const all = Promise.all(work).finally(() => (isDone = true));
    while (!isDone) await this.clock.advance(100);
    await all;
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.random() * from.length)] as T;
  }
}
