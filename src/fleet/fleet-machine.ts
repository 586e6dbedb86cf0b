import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import type { Keys } from "#keys/keys.ts";
import { type Mirror, openMirror } from "#keys/mirror.ts";
import type { Systemd } from "#systemd/systemd.ts";
import { Agent } from "./agent.ts";
import { breakAwaitedLocks } from "./awaited-locks.ts";
import { ClusterFeed } from "./cluster-feed.ts";
import { eventDirectory } from "./core/event-record.ts";
import { FleetKeys } from "./core/fleet-keys.ts";
import { leaseEndMs } from "./core/machine-lease.ts";
import type { Incarnation, MachineRecord } from "./core/records.ts";
import { Engine } from "./engine.ts";
import { EventHistory } from "./event-history.ts";
import { FleetCounts } from "./fleet-counts.ts";
import type { HealthProbe } from "./health-probe.ts";
import { LivenessDesk } from "./liveness-desk.ts";
import { MachineEvents } from "./machine-events.ts";
import type { MachineProbe } from "./machine-probe.ts";
import { MeteredKeys } from "./metered-keys.ts";
import { Registration } from "./registration.ts";
import { Registry } from "./registry.ts";
import { tellRestored } from "./restored-teller.ts";
import { keepStoreMemory } from "./store-memory.ts";
import { StoredEvents } from "./stored-events.ts";
import type { UnitFiles } from "./unit-files.ts";

export interface FleetMachineSettings {
  readonly keyPrefix: string;
  /** The time to live of the machine's record; store and engine count it in whole seconds. */
  readonly agentTtlMs: number;
  readonly engineIntervalMs: number;
  readonly disableEngine: boolean;
}

export interface FleetMachineOptions {
  readonly machine: MachineRecord;
  readonly incarnation: Incarnation;
  /** Where this machine's fleet API can be reached, if anywhere. */
  readonly api: string | undefined;
  /** The machine's address as of now, where it is not told one; empty while it has none. */
  readonly ownAddress?: (() => Promise<string>) | undefined;
  readonly keys: Keys;
  /** The way to other machines beside the store. */
  readonly probe: MachineProbe;
  readonly openSystemd: (signal: AbortSignal) => Promise<Systemd>;
  /** Names the present run of systemd. */
  readonly systemdRun: () => Promise<string>;
  readonly files: UnitFiles;
  readonly healthProbe: HealthProbe;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: FleetMachineSettings;
}

/** Many machines that vanish together are waited for this many times to live, before their units move. */
const HOLD_TTLS = 10;
/** How long the store is asked to note that this machine leaves; it leaves also without that. */
const NOTE_MS = 3_000;

/**
 * One machine of a cluster: its engine, its agent and its record, over the given store and systemd. Runs from when
 * it is opened until it is disposed of, which stops no unit. `leave` is how a machine goes for good.
 */
export function openFleetMachine(options: FleetMachineOptions): FleetMachine {
  return new FleetMachine(options);
}

/** Others learn from the facts how long the machine may run leased units, for its time to live may be unlike theirs. */
function withLease(machine: MachineRecord, ttlMs: number): MachineRecord {
  if (machine.facts === undefined) return machine;
  return { ...machine, facts: { ...machine.facts, leaseMs: leaseEndMs(0, ttlMs) } };
}

export class FleetMachine implements AsyncDisposable {
  readonly feed: ClusterFeed;
  readonly registry: Registry;
  readonly agent: Agent;
  readonly events: StoredEvents;
  readonly history: EventHistory;
  readonly liveness: LivenessDesk;
  readonly machine: MachineRecord;
  readonly counts = new FleetCounts();
  /** Rejects when a part failed in a way it cannot mend by itself; the machine is then to be opened anew. */
  readonly ended: Promise<void>;
  readonly #registration: Registration;
  readonly #engine: Engine;
  readonly #registered = Promise.withResolvers<void>();
  readonly #end = new AbortController();
  readonly #engineEnd = new AbortController();
  readonly #options: FleetMachineOptions;
  #left: Promise<void> | undefined;

  constructor(options: FleetMachineOptions) {
    const { clock, random, logger, settings } = options;
    this.#options = options;
    const { counts } = this;
    const keys = new MeteredKeys(options.keys, counts, clock);
    const ttlSeconds = Math.max(1, Math.ceil(settings.agentTtlMs / 1000));
    const ttlMs = ttlSeconds * 1000;
    const machine = withLease(options.machine, ttlMs);
    this.machine = machine;
    const at = new FleetKeys(settings.keyPrefix);
    const mirror = openMirror(keys, at.prefix, { clock, random });
    const presence = { ttlMs, holdMs: HOLD_TTLS * ttlMs };
    keys.watchFor(mirror);
    const registry = new Registry(keys, at);
    this.registry = registry;
    this.feed = new ClusterFeed({ mirror, keys: at, presence, clock, logger });
    const directory = eventDirectory(settings.keyPrefix);
    const part = logger.child({ part: "events" });
    this.events = new StoredEvents({ ...options, keys, directory, me: machine.id, logger: part });
    this.history = new EventHistory(keys, directory, clock);
    const { instance } = options.incarnation;
    this.liveness = new LivenessDesk({ ...options, me: machine.id, instance, feed: this.feed });
    const shared = { ...options, machine, registry, feed: this.feed, events: this.events };
    const machines = new MachineEvents({ ...shared, me: machine.id, leads: () => this.leads });
    this.feed.subscribe((effects) => machines.hear(effects));
    this.#registration = new Registration({
      ...shared,
      ttlSeconds,
      disableEngine: settings.disableEngine,
      onRenewed: (sentMs) => {
        this.feed.heard();
        this.agent.renewLease(sentMs);
      },
      onRegistered: () => {
        this.#registered.resolve();
        this.agent.wake();
      },
      logger: logger.child({ part: "presence" }),
    });
    this.agent = new Agent({
      ...shared,
      ttlMs,
      isRegistered: () => this.#registration.isRegistered,
      logger: logger.child({ part: "agent" }),
    });
    this.#engine = new Engine({
      ...shared,
      me: machine.id,
      intervalMs: settings.engineIntervalMs,
      counts,
      onLeading: () => {
        counts.leadershipChanged(this.leads, clock.now());
        machines.leadershipChanged();
      },
      logger: logger.child({ part: "engine" }),
    });
    this.ended = this.#run(mirror);
    this.ended.catch(() => {}); // reaches whoever awaits it or disposes
  }

  /** Whether this machine's engine leads. */
  get leads(): boolean {
    return this.#engine.leads;
  }

  /** Why it cannot register: another live machine has its id. */
  get conflict(): string | undefined {
    return this.#registration.conflict;
  }

  /** Resolves when the machine is on record for the first time. */
  get registered(): Promise<void> {
    return this.#registered.promise;
  }

  get isRegistered(): boolean {
    return this.#registration.isRegistered;
  }

  /**
   * Leaves the cluster: takes no more units, hands the engine's lease over, stops and unloads every unit here, and only
   * then takes the machine's record away, upon which the units are placed elsewhere. Opening it anew brings it back.
   */
  leave(signal: AbortSignal): Promise<void> {
    this.#left ??= this.#leave(signal).catch((error: unknown) => {
      this.#left = undefined;
      throw error;
    });
    return this.#left;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.ended;
  }

  async #run(mirror: Mirror): Promise<void> {
    const { signal } = this.#end;
    const engineSignal = AbortSignal.any([signal, this.#engineEnd.signal]);
    const parts = [
      this.feed.run(() => this.#options.files.readStore(), signal),
      keepStoreMemory({ ...this.#options, feed: this.feed }, signal),
      tellRestored({ ...this.#options, feed: this.feed, registry: this.registry }, signal),
      this.#registration.run(signal),
      breakAwaitedLocks(
        {
          ...this.#options,
          me: this.machine.id,
          feed: this.feed,
          registry: this.registry,
          events: this.events,
          isRegistered: () => this.isRegistered,
        },
        signal,
      ),
      this.agent.run(signal),
      this.events.run(signal),
      ...(this.#options.settings.disableEngine ? [] : [this.#runEngine(engineSignal)]),
    ];
    try {
      await Promise.all(parts);
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#end.abort();
      await Promise.allSettled(parts);
      await mirror[Symbol.asyncDispose]();
    }
  }

  /** The engine ends before the rest when this machine leaves. */
  async #runEngine(signal: AbortSignal): Promise<void> {
    try {
      await this.#engine.run(signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #leave(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const { id } = this.machine;
    logger.info({ machine: id }, "leaving the cluster");
    const note = { ms: NOTE_MS, clock, what: "note that this machine leaves", signal };
    await withDeadline(note, (limit) => this.registry.setLeaving(id, true, limit)).catch(
      (error: unknown) => {
        if (signal.aborted) throw error;
        logger.warn({ reason: reasonOf(error) }, "could not note that this machine leaves");
      },
    );
    this.#engineEnd.abort();
    await this.agent.leave(signal).catch((cause: unknown) => {
      const names = this.agent.units?.names.join(", ") ?? "";
      throw new Fault(
        "TIMED_OUT",
        `Cannot leave the cluster with machine ${id}: ${names || "systemd"} did not stop in time; stop it, then leave again`,
        { cause },
      );
    });
    await this.#registration.unregister(signal);
    logger.info({ machine: id }, "left the cluster");
  }
}
