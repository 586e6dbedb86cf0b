import type { Clock } from "#base/clock.ts";
import { FakeClock } from "#base/fake-clock.ts";
import { Fault } from "#base/fault.ts";
import { type Random, seededRandom } from "#base/random.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { LocalKeys } from "#keys/local-keys.ts";
import type { Log } from "#log/core/log.ts";
import { between, chance } from "#test/simulation/pick.ts";
import { Agreement } from "./agreement.ts";
import { checkHistory } from "./check-history.ts";
import { checkWatches } from "./check-watches.ts";
import { listExpiring, touchExpiring } from "./expiring.ts";
import { OperationRecorder, WatchRecorder } from "./record.ts";
import type { StorePlace } from "./store-place.ts";
import { nextCall } from "./workload.ts";

export interface StoreReport {
  readonly problems: readonly string[];
  readonly operations: number;
  readonly unknown: number;
  readonly faults: number;
  readonly events: number;
  readonly compared: number;
}

export interface StoreOptions {
  /** Puts itself between a server and its log, to plant a mistake. */
  readonly plant?: (log: Log, random: Random) => Log;
  /** Gets a line for whatever goes wrong. */
  readonly print?: (line: string) => void;
}

const STEPS = 500;
const KEYS_AT_ONCE = 4;
/** Keys are left behind after so many operations, so that a search has few of unknown end. */
const CALLS_PER_KEY_SET = 120;
const TIMEOUT_MS = 2_000;
/** Longer than the latest request takes to get there. */
const SETTLE_MS = 65_000;
const FINISH_STEP_MS = 1_000;
const FINISH_STEPS_MAX = 1_000;
/** Well below SETTLE_MS, with the clocks' differences. */
const TTL_MAX_SECONDS = 15;
const WALL_START_MS = Date.UTC(2026, 0, 1);
const SKEW_MAX_MS = 5_000;

interface Running {
  readonly server: KeysServer;
  readonly keys: LocalKeys;
  readonly session: string;
  readonly end: AbortController;
}

/** Clients at work on every server of a store from one seed, with faults; then all that was seen is checked. */
export async function simulateStore(
  seed: number,
  newPlace: (seed: number, clock: Clock) => StorePlace,
  options: StoreOptions = {},
): Promise<StoreReport> {
  const run = new StoreSimulation(seed, newPlace, options);
  try {
    return await run.play();
  } finally {
    await run.end();
  }
}

class StoreSimulation {
  readonly #random: Random;
  readonly #clock = new FakeClock(WALL_START_MS);
  readonly #place: StorePlace;
  readonly #options: StoreOptions;
  readonly #agreement = new Agreement();
  readonly #recorder = new OperationRecorder();
  readonly #watchers: WatchRecorder[] = [];
  readonly #servers: (Running | undefined)[] = [];
  readonly #opening: boolean[] = [];
  readonly #ended = new AbortController();
  readonly #work: Promise<void>[] = [];
  readonly #snapshotEvery: number;
  #runs = 0;
  #faults = 0;
  #isCalm = false;

  constructor(
    seed: number,
    newPlace: (seed: number, clock: Clock) => StorePlace,
    options: StoreOptions,
  ) {
    this.#random = seededRandom(seed);
    this.#options = options;
    this.#place = newPlace(seed, this.#clock);
    this.#snapshotEvery = Math.round(between(this.#random, 10, 150));
  }

  async play(): Promise<StoreReport> {
    for (let server = 0; server < this.#place.servers; server++) {
      void this.#start(server);
      const watcher = new WatchRecorder(`watcher ${server}`);
      this.#watchers.push(watcher);
      this.#work.push(this.#watch(watcher), this.#expire(server));
      this.#work.push(this.#client(server), this.#client(server));
    }
    for (let step = 0; step < STEPS; step++) {
      await this.#clock.advance(between(this.#random, 0, 60));
      if (chance(this.#random, 0.03)) this.#disturb();
      if (chance(this.#random, 0.1)) this.#compare();
    }
    return await this.#settle();
  }

  async end(): Promise<void> {
    this.#ended.abort(new Error("the simulation ended"));
    for (const server of this.#servers.keys()) this.#kill(server);
    await this.#finish(Promise.allSettled(this.#work));
  }

  /** Moves time on until this is done. */
  async #finish<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const ended = work.finally(() => (isDone = true));
    for (let steps = 0; !isDone; steps++) {
      if (steps > FINISH_STEPS_MAX) throw new Error("the simulation does not come to an end");
      await this.#clock.advance(FINISH_STEP_MS);
    }
    return await ended;
  }

  /** All faults end: every server has to come to the same state, and the store to answer. */
  async #settle(): Promise<StoreReport> {
    this.#isCalm = true;
    this.#place.heal();
    for (let server = 0; server < this.#place.servers; server++)
      if (this.#servers[server]?.server.writeFault?.code === "LOG_IO") this.#kill(server);
    await this.#clock.advance(SETTLE_MS);
    const problems: string[] = [];
    const call = { op: "set", value: "last" } as const;
    for (const [at, running] of this.#servers.entries()) {
      if (running === undefined) problems.push(`server ${at} does not start when all is well`);
      else {
        const asked = { ...running, key: `/last${at}`, call };
        const writing = this.#recorder.run(asked, AbortSignal.timeout(60_000));
        if (!(await this.#finish(writing)))
          problems.push(`server ${at} does not write when all is well`);
      }
    }
    await this.#clock.advance(SETTLE_MS);
    this.#compare();
    for (const running of this.#servers) {
      const left = running ? await listExpiring(running.keys, this.#ended.signal) : [];
      if (left.length > 0) problems.push(`${running?.session}: not expired: ${left.join(", ")}`);
    }
    const states = new Set(this.#servers.map((one) => one?.server.raftIndex));
    if (states.size > 1) problems.push(`servers end at entries ${[...states].join(", ")}`);
    const { history } = this.#recorder;
    const records = this.#watchers.flatMap((watcher) => watcher.records);
    problems.push(...this.#agreement.problems, ...checkHistory(history));
    problems.push(...checkWatches(records, history));
    return {
      problems,
      operations: history.length,
      unknown: history.filter(({ answer }) => answer.kind === "unknown").length,
      faults: this.#faults,
      events: records.reduce((sum, { events }) => sum + events.length, 0),
      compared: this.#agreement.compared,
    };
  }

  /** Asks one server after another answer, until all is calm. */
  async #client(at: number): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted && !this.#isCalm) {
      const running = this.#servers[chance(this.#random, 0.8) ? at : this.#anyServer()];
      if (running !== undefined) {
        const { calls } = this.#recorder;
        const set = Math.floor(calls / CALLS_PER_KEY_SET);
        const key = `/${set}-${Math.floor(this.#random() * KEYS_AT_ONCE)}`;
        const call = nextCall(this.#random, calls, this.#recorder.lastSeen(key));
        await this.#within(TIMEOUT_MS, (limit) =>
          this.#recorder.run({ ...running, key, call }, limit),
        );
      }
      await this.#sleep(between(this.#random, 0, 100));
    }
  }

  /** Keeps keys coming that end by themselves. */
  async #expire(at: number): Promise<void> {
    while (!this.#ended.signal.aborted && !this.#isCalm) {
      const keys = this.#servers[at]?.keys;
      if (keys)
        await this.#within(TIMEOUT_MS, (limit) =>
          touchExpiring(keys, this.#random, TTL_MAX_SECONDS, limit),
        );
      await this.#sleep(between(this.#random, 0, 1_000));
    }
  }

  async #within<T>(ms: number, work: (limit: AbortSignal) => Promise<T>): Promise<void> {
    const limit = new AbortController();
    const late = this.#clock.sleep(ms, limit.signal).then(
      () => limit.abort(new Fault("TIMED_OUT", "Cannot wait longer: the client gave up")),
      () => {},
    );
    await work(limit.signal);
    limit.abort();
    await late;
  }

  async #watch(watcher: WatchRecorder): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      const running = this.#servers[this.#anyServer()];
      if (running !== undefined)
        await watcher.follow(running.keys, AbortSignal.any([signal, running.end.signal]));
      await this.#sleep(between(this.#random, 0, 500));
    }
  }

  #disturb(): void {
    this.#faults += 1;
    const server = this.#anyServer();
    const dice = this.#random();
    if (dice < 0.4) {
      this.#tell(`crash of ${server}`);
      this.#kill(server);
    } else if (dice < 0.5) {
      this.#tell("crash of all");
      for (let at = 0; at < this.#place.servers; at++) this.#kill(at);
    } else if (dice < 0.7) {
      this.#tell("all well");
      this.#place.heal();
    } else this.#tell(this.#place.disturb(this.#random));
  }

  #kill(server: number): void {
    const running = this.#servers[server];
    if (running === undefined) return;
    this.#servers[server] = undefined;
    this.#place.crash(server);
    running.end.abort(new Fault("STORE_UNAVAILABLE", "Cannot reach the store: its server is dead"));
    this.#work.push(running.server[Symbol.asyncDispose]());
    if (!this.#ended.signal.aborted) void this.#start(server);
  }

  async #start(server: number): Promise<void> {
    if (this.#opening[server]) return;
    this.#opening[server] = true;
    const clock = skewed(this.#clock, between(this.#random, -SKEW_MAX_MS, SKEW_MAX_MS));
    while (!this.#ended.signal.aborted) {
      await this.#sleep(between(this.#random, 0, 1_500));
      try {
        const opened = await this.#place.open(server, clock);
        const log = this.#options.plant?.(opened, this.#random) ?? opened;
        this.#serve(server, log, clock);
        break;
      } catch (error) {
        if (!(error instanceof Fault)) throw error;
        this.#tell(`server ${server} does not start: ${error.message}`);
      }
    }
    this.#opening[server] = false;
  }

  #serve(at: number, log: Log, clock: Clock): void {
    const name = `server ${at}`;
    this.#runs += 1;
    const session = `${name}, run ${this.#runs}`;
    const server = new KeysServer(this.#agreement.around(log, name), {
      clock,
      random: this.#random,
      snapshotEvery: this.#snapshotEvery,
      // A full disk: the server reads on; whoever runs it starts it again.
      onFault: (fault) => {
        this.#tell(`${session}: ${fault.message}`);
        if (fault.code === "LOG_IO" && this.#place.servers === 1)
          setImmediate(() => this.#kill(at));
      },
    });
    this.#servers[at] = {
      server,
      keys: new LocalKeys(server),
      session,
      end: new AbortController(),
    };
    if (this.#ended.signal.aborted) this.#kill(at);
  }

  #compare(): void {
    for (const running of this.#servers)
      if (running) this.#agreement.compare(running.server, running.session);
  }

  #anyServer(): number {
    return Math.floor(this.#random() * this.#place.servers);
  }

  async #sleep(ms: number): Promise<void> {
    await this.#clock.sleep(ms, this.#ended.signal).catch(() => {});
  }

  #tell(line: string): void {
    this.#options.print?.(`${this.#clock.monotonicMs().toFixed(0)} ${line}`);
  }
}

/** A machine whose wall clock is off. */
function skewed(clock: Clock, skewMs: number): Clock {
  return {
    monotonicMs: () => clock.monotonicMs(),
    now: () => new Date(clock.now().getTime() + skewMs),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };
}
