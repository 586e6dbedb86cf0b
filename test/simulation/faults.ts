import type { Random } from "#base/random.ts";
import type { SimulatedCluster, SimulatedMachine } from "#fleet/simulated-cluster.ts";
import type { SimulatedLink, Way } from "#fleet/simulated-link.ts";
import { DAEMONS, type FaultKind, isOf, NETWORK, RARE, STORE } from "./fault-kinds.ts";
import { between, chance, pick } from "./pick.ts";
import type { StoreFuse } from "./store-fuse.ts";
import type { Trace } from "./trace.ts";

/** What a fault is about, and what ends it if time does. */
interface Begun {
  readonly what: string;
  readonly undo?: () => void | Promise<void>;
}

export interface FaultOptions {
  /** Called when nobody has the store's disk. */
  readonly onStoreDown: () => void;
  /** Called when a daemon died in the middle of something. */
  readonly onDeath: (machine: SimulatedMachine) => void;
  /** Called when a machine has no power. */
  readonly onPowerCut: (machine: SimulatedMachine) => void;
  /** A kind that is to happen often. */
  readonly favour: FaultKind | undefined;
  /** How long it then lasts, in milliseconds; as any other when undefined. */
  readonly favourMs?: readonly [least: number, most: number] | undefined;
  readonly storeFuse: StoreFuse;
}

interface Fault {
  readonly untilMs: number;
  readonly end: () => void | Promise<void>;
}

const CALM_DELAY_MS = [0.5, 3] as const;
const LONG_MS = [6_000, 12_000] as const;
/** What runs by a lease stands this much of the store's time gone in no time, within its time to live. */
const SKEW_MOST_MS = 400;
const TTL_MS = 6_000; // of a machine's record
const KEY_PREFIX = "/_coreos.com/fleet";

/** Breaks things for a while, by the seed, and mends them all when told to. */
export class Faults {
  readonly #cluster: SimulatedCluster;
  readonly #random: Random;
  readonly #trace: Trace;
  /** Links of watchers, besides the machines'. */
  readonly #links: readonly SimulatedLink[];
  readonly #open = new Set<Fault>();
  /** Machines whose daemon is away, or in trouble that no other may add to. */
  readonly #occupied = new Set<SimulatedMachine>();
  readonly #leaving = new Set<SimulatedMachine>();
  readonly #pending = new Set<Promise<void>>();
  #storeIsBusy = false;
  readonly #options: FaultOptions;
  /** How often each kind was begun. */
  readonly begun = new Map<FaultKind, number>();
  /** Until when an engine may think that it holds a lease which the store has forgotten. */
  leaseLostUntilMs = 0;
  /** When the store forgot last what it had promised to keep for a while: it was wiped, or its time leapt. */
  forgotMs = Number.NEGATIVE_INFINITY;
  /** When the store's clock went ahead, and by how much. */
  #skews: { readonly atMs: number; readonly ms: number }[] = [];

  constructor(
    cluster: SimulatedCluster,
    random: Random,
    trace: Trace,
    links: readonly SimulatedLink[],
    options: FaultOptions,
  ) {
    this.#cluster = cluster;
    this.#random = random;
    this.#trace = trace;
    this.#links = links;
    this.#options = options;
    for (const { link } of cluster.machines) calm(link);
    for (const link of links) calm(link);
  }

  /** Whether the machine's daemon was told to leave the cluster. */
  isLeaving(machine: SimulatedMachine): boolean {
    return this.#leaving.has(machine);
  }

  get pending(): number {
    return this.#pending.size + this.#open.size;
  }

  /** Begins one fault, for up to `longestMs`. */
  begin(longestMs: number): void {
    const kinds = [
      ...NETWORK,
      ...DAEMONS,
      ...STORE,
      ...RARE.filter(() => chance(this.#random, 0.1)),
    ];
    const { favour, favourMs } = this.#options;
    const isFavoured = favour !== undefined && chance(this.#random, 0.2);
    const kind = isFavoured ? favour : pick(this.#random, kinds);
    const longest = chance(this.#random, 0.3) ? longestMs : longestMs / 5;
    // Long enough for leases and records to end.
    const isLong = kind === "cut leader" || (kind === "cut many" && chance(this.#random, 0.5));
    const [least, most] = (isFavoured && favourMs) || (isLong ? LONG_MS : [100, longest]);
    const lasts = between(this.#random, least, most);
    const untilMs = this.#cluster.clock.monotonicMs() + lasts;
    const end = this.#start(kind);
    if (end === undefined) return;
    this.begun.set(kind, (this.begun.get(kind) ?? 0) + 1);
    this.#trace.add(`fault ${kind} for ${Math.round(lasts)} ms: ${end.what}`);
    if (end.undo !== undefined) this.#open.add({ untilMs, end: end.undo });
  }

  /** Ends the faults whose time has come; all of them when told so. */
  endDue(nowMs: number): void {
    for (const fault of this.#open) {
      if (fault.untilMs > nowMs) continue;
      this.#open.delete(fault);
      this.#run(async () => fault.end());
    }
  }

  mendAll(): void {
    this.#trace.add("all faults end");
    this.endDue(Number.POSITIVE_INFINITY);
    for (const machine of this.#cluster.machines) {
      calm(machine.link);
      machine.process.resume();
      machine.wallAheadMs = 0;
      machine.process.fuse = undefined;
      machine.disk.delayMaxMs = 0;
      machine.disk.isFull = false;
    }
    for (const link of this.#links) calm(link);
    this.#options.storeFuse.quench();
    this.#cluster.store.speed.delayMaxMs = 2;
  }

  #run(work: () => Promise<void>): void {
    const running = work().finally(() => void this.#pending.delete(running));
    this.#pending.add(running);
  }

  #start(kind: FaultKind): Begun | undefined {
    if (isOf(NETWORK, kind)) return this.#network(kind);
    if (isOf(STORE, kind)) return this.#store(kind);
    if (isOf(RARE, kind)) return this.#rare(kind);
    const free = [...this.#cluster.machines].filter(
      (machine) => !this.#occupied.has(machine) && machine.daemon !== undefined,
    );
    return free.length === 0 ? undefined : this.#daemon(kind, pick(this.#random, free));
  }

  #network(kind: FaultKind): { what: string; undo: () => void } {
    const random = this.#random;
    const machines = [...this.#cluster.machines];
    const all = [...machines.map(({ link }) => link), ...this.#links];
    const leader = machines.find(({ daemon }) => daemon?.leads === true);
    const one = kind === "cut leader" && leader !== undefined ? leader.link : pick(random, all);
    const group = kind === "cut many" ? all.filter(() => chance(random, 0.7)) : [one];
    const names = group.map((link) => machines.find((m) => m.link === link)?.name ?? "a watcher");
    for (const { out, back } of group) {
      if (kind !== "cut back") disturb(out, kind, random);
      if (kind !== "cut out" && kind !== "cut leader") disturb(back, kind, random);
    }
    return { what: names.join(", "), undo: () => group.forEach(calm) };
  }

  #daemon(kind: FaultKind, machine: SimulatedMachine): Begun {
    const { name } = machine;
    if (kind === "leave") return this.#leave(machine);
    if (kind === "drop systemd") machine.systemd.dropConnections();
    if (kind === "wall clock") machine.wallAheadMs = between(this.#random, -100_000, 100_000);
    if (kind === "drop systemd" || kind === "wall clock") return { what: name };
    if (kind === "slow disk" || kind === "no space") return this.#machineDisk(kind, machine);
    this.#occupied.add(machine);
    if (kind === "pause") return this.#pause(machine);
    if (kind === "kill in a write") return this.#killInWrite(machine);
    if (kind === "restart") {
      this.#run(() => this.#cluster.endDaemon(name).then(() => this.#startDaemon(machine)));
      return { what: name };
    }
    this.#run(() => (kind === "kill" ? this.#cluster.killDaemon(name) : this.#cutPower(machine)));
    return { what: name, undo: () => this.#startDaemon(machine) };
  }

  #machineDisk(kind: FaultKind, { name, disk }: SimulatedMachine): Begun {
    if (kind === "no space") disk.isFull = true;
    else disk.delayMaxMs = between(this.#random, 20, 3_000);
    const undo = () => {
      if (kind === "no space") disk.isFull = false;
      else disk.delayMaxMs = 0;
    };
    return { what: name, undo };
  }

  /** The process ends at one of its next writes, to the store, to its disk or to systemd. */
  #killInWrite(machine: SimulatedMachine): Begun {
    const { process } = machine;
    const burn = () => {
      process.kill();
      this.#trace.add(`${machine.name} dies in a write`);
      this.#options.onDeath(machine);
      this.#run(async () => this.#cluster.killDaemon(machine.name));
    };
    const writes = 1 + Math.floor(this.#random() * 12);
    process.fuse = { writes, isDone: chance(this.#random, 0.5), burn };
    const undo = () => {
      process.fuse = undefined;
      if (process.isKilled) this.#startDaemon(machine);
      else this.#occupied.delete(machine);
    };
    return { what: machine.name, undo };
  }

  #pause(machine: SimulatedMachine): Begun {
    machine.process.pause();
    const undo = () => {
      machine.process.resume();
      this.#occupied.delete(machine);
    };
    return { what: machine.name, undo };
  }

  async #cutPower(machine: SimulatedMachine): Promise<void> {
    const isCut = this.#cluster.cutPower(machine.name);
    this.#options.onPowerCut(machine);
    await isCut;
  }

  /** A machine that cannot leave is killed in the end, as a service that does not stop in time. */
  #leave(machine: SimulatedMachine): Begun {
    const { name, daemon } = machine;
    this.#occupied.add(machine);
    this.#leaving.add(machine);
    const limit = new AbortController();
    let hasLeft = false;
    this.#run(async () => {
      await daemon!.leave(limit.signal).then(
        () => this.#trace.add(`${name} left`),
        (error: unknown) => this.#trace.add(`${name} could not leave: ${String(error)}`),
      );
      await this.#cluster.endDaemon(name);
      hasLeft = true;
      if (limit.signal.aborted) this.#startDaemon(machine);
    });
    const undo = () => {
      if (hasLeft) this.#startDaemon(machine);
      else limit.abort(new Error("it took too long"));
    };
    return { what: name, undo };
  }

  #startDaemon(machine: SimulatedMachine): void {
    this.#leaving.delete(machine);
    this.#occupied.delete(machine);
    this.#cluster.startDaemon(machine.name);
    this.#trace.add(`daemon of ${machine.name} starts`);
  }

  #store(kind: FaultKind): Begun | undefined {
    const { store } = this.#cluster;
    const random = this.#random;
    if (kind === "slow store") {
      store.speed.delayMaxMs = between(random, 50, chance(random, 0.2) ? 8_000 : 800);
      return { what: "", undo: () => void (store.speed.delayMaxMs = 2) };
    }
    if (kind === "skew") {
      const ms = between(random, -300, 300);
      this.#skew(ms);
      return { what: `by ${Math.round(ms)} ms` };
    }
    if (this.#storeIsBusy) return undefined;
    this.#storeIsBusy = true;
    if (kind === "crash in a write") return this.#crashInWrite();
    if (kind === "full disk") {
      store.disk.isFull = true;
      return { what: "", undo: () => this.#restartStore(() => store.crash()) };
    }
    const ended = kind === "crash" ? store.crash() : store[Symbol.asyncDispose]();
    this.#run(() => ended);
    return { what: "", undo: () => this.#restartStore(() => ended) };
  }

  #crashInWrite(): Begun {
    const { store } = this.#cluster;
    let ended: Promise<void> | undefined;
    this.#options.storeFuse.light(Math.floor(this.#random() * 20), () => {
      ended = store.crash();
      this.#run(() => ended!);
    });
    const undo = async () => {
      this.#options.storeFuse.quench();
      if (ended === undefined) this.#storeIsBusy = false;
      else await this.#restartStore(() => ended!);
    };
    return { what: "", undo };
  }

  async #restartStore(end: () => Promise<void>): Promise<void> {
    const { store } = this.#cluster;
    await end();
    store.disk.isFull = false;
    if (store.server === undefined) {
      this.#options.onStoreDown();
      store.start();
      this.#trace.add(`store starts at index ${store.etcdIndex}`);
    }
    this.#storeIsBusy = false;
  }

  #skew(ms: number): void {
    const atMs = this.#cluster.clock.monotonicMs();
    this.#cluster.store.skewMs += ms;
    if (ms <= 0) return;
    this.#loseLease(ms);
    this.#skews = [...this.#skews.filter((skew) => skew.atMs > atMs - 2 * TTL_MS), { atMs, ms }];
    if (this.#skews.reduce((all, skew) => all + skew.ms, 0) > SKEW_MOST_MS) this.forgotMs = atMs;
  }

  /** The store forgets the lease before its holder thinks so, now or within `ms`. */
  #loseLease(ms: number): void {
    const ttlMs = 5_000; // of an engine's lease
    this.leaseLostUntilMs = this.#cluster.clock.monotonicMs() + ttlMs + ms;
  }

  #rare(kind: FaultKind): Begun {
    if (kind === "blackout") return this.#blackout();
    if (kind === "leap") {
      const ms = between(this.#random, -20_000, 20_000);
      this.#skew(ms);
      return { what: `${Math.round(ms)} ms` };
    }
    if (kind === "flood") return this.#flood();
    this.#loseLease(0);
    this.#run(() => this.#wipe());
    return { what: "" };
  }

  /** The power of everything that stands is cut at once. */
  #blackout(): Begun {
    const machines = [...this.#cluster.machines].filter((machine) => !this.#occupied.has(machine));
    for (const machine of machines) {
      this.#occupied.add(machine);
      this.#run(() => this.#cutPower(machine));
    }
    const store = this.#storeIsBusy ? undefined : this.#store("crash");
    const undo = async () => {
      for (const machine of machines) this.#startDaemon(machine);
      await store?.undo?.();
    };
    return { what: machines.map(({ name }) => name).join(", "), undo };
  }

  async #wipe(): Promise<void> {
    const { keys, signal } = this.#cluster;
    this.forgotMs = Number.POSITIVE_INFINITY;
    await keys.delete(KEY_PREFIX, { recursive: true, dir: true }, signal).catch(() => {});
    this.forgotMs = this.#cluster.clock.monotonicMs();
  }

  /** More events than the history keeps, of which some do not hear before their connections break. */
  #flood(): Begun {
    const { keys, signal, machines } = this.#cluster;
    const links = [...machines].map(({ link }) => link);
    const deaf = [...links, ...this.#links].filter(() => chance(this.#random, 0.3));
    for (const link of deaf) link.back.isBlocked = true;
    this.#run(async () => {
      const writes = Array.from({ length: 1_100 }, (_, i) =>
        keys.set(`/noise/${i % 50}`, String(i), {}, signal),
      );
      await Promise.allSettled(writes);
      for (const link of deaf) {
        calm(link);
        link.reset();
      }
    });
    return { what: `${deaf.length} links do not hear of it` };
  }
}

function disturb(way: Way, kind: FaultKind, random: Random): void {
  if (kind === "slow") way.delayMs = [between(random, 5, 50), between(random, 50, 1_500)];
  else if (kind === "twice") way.twice = between(random, 0.1, 0.9);
  else if (kind === "lossy") way.loss = between(random, 0.05, 0.5);
  else way.isBlocked = true;
}

function calm({ out, back }: SimulatedLink): void {
  for (const way of [out, back]) {
    way.isBlocked = false;
    way.loss = way.twice = 0;
    way.delayMs = CALM_DELAY_MS;
  }
}
