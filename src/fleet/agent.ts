import { backoffMs } from "#base/backoff.ts";
import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import { Wake } from "#base/wake.ts";
import type { Systemd } from "#systemd/systemd.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import type { Effect } from "./core/cluster-model.ts";
import { heedRestored } from "./core/heed-restored.ts";
import { MachineLease } from "./core/machine-lease.ts";
import { reconcile, reconcileLeaving } from "./core/reconcile.ts";
import type { MachineRecord } from "./core/records.ts";
import type { EventLog } from "./event-log.ts";
import { HealthMonitor } from "./health-monitor.ts";
import type { HealthProbe } from "./health-probe.ts";
import { LeasedUnits } from "./leased-units.ts";
import { LocalUnits } from "./local-units.ts";
import { OnceLocks } from "./once-locks.ts";
import type { Registry } from "./registry.ts";
import { ResultReporter } from "./result-reporter.ts";
import { StartGuard } from "./start-guard.ts";
import { StartOrder } from "./start-order.ts";
import type { UnitFiles } from "./unit-files.ts";
import { UnitReporter } from "./unit-reporter.ts";
import { UnitWorker } from "./unit-worker.ts";

export interface AgentOptions {
  readonly machine: MachineRecord;
  readonly feed: ClusterFeed;
  readonly registry: Registry;
  readonly events: EventLog;
  /** The time to live of this machine's record, in milliseconds. */
  readonly ttlMs: number;
  /** Whether this daemon may speak for its machine. */
  readonly isRegistered: () => boolean;
  readonly openSystemd: (signal: AbortSignal) => Promise<Systemd>;
  /** Names the present run of systemd: what was launched under another one runs no more. */
  readonly systemdRun: () => Promise<string>;
  readonly files: UnitFiles;
  readonly healthProbe: HealthProbe;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** How long a change may be missed at most; changes themselves wake the agent at once. */
const SAFETY_MS = 30_000;
/** A unit that starts changes several times in a few milliseconds; that is one report. */
const COALESCE_MS = 25;
/** How often results are noted before states are told all the same. */
const NOTE_TRIES = 3;
/** How long the store is asked to take back locks when the machine leaves. */
const LET_GO_MS = 3_000;
const NO_WORK = { busy: new Set<UnitName>(), isStarting: () => false };
const REOPEN = { baseMs: 200, maxMs: 5_000 };

/** What works with one connection to systemd. */
interface Session {
  readonly systemd: Systemd;
  readonly units: LocalUnits;
  readonly worker: UnitWorker;
  readonly leased: LeasedUnits;
  readonly guard: StartGuard;
}

/**
 * Makes this machine's systemd run what the cluster wants here, and tells the cluster what it runs.
 * Losing the store, systemd or this process stops no unit.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #look = new Wake();
  readonly #report = new Wake();
  readonly #renewed = new Wake();
  readonly #lease: MachineLease;
  readonly #locks: OnceLocks;
  readonly #order: StartOrder;
  readonly #reporter: UnitReporter;
  readonly #health: HealthMonitor;
  readonly #results: ResultReporter;
  #leaving = false;
  #units: LocalUnits | undefined;
  readonly #emptied = Promise.withResolvers<void>();

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#health = new HealthMonitor(options, () => this.#report.ring());
    this.#reporter = new UnitReporter({ ...options, me: options.machine.id, tell: this.#tell });
    this.#results = new ResultReporter({ ...options, me: options.machine.id });
    this.#lease = new MachineLease(options.ttlMs);
    this.#order = new StartOrder(options.feed);
    this.#locks = new OnceLocks(options.machine.id, options.feed, options.registry);
  }

  readonly #tell = (what: string, unit: UnitName, why: string): void => {
    const { events, machine } = this.#options;
    events.tell({ what, unit, machine: machine.id, who: `agent on ${machine.id}`, why });
  };

  /** What is loaded here now. */
  get units(): LocalUnits | undefined {
    return this.#units;
  }

  /** Opens systemd again whenever it was lost, until aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { feed, clock, random, logger } = this.#options;
    using _ = feed.subscribe((effects) => this.#hear(effects));
    for (let failures = 0; ; failures++) {
      try {
        await using systemd = await this.#options.openSystemd(signal);
        failures = 0;
        await this.#session(systemd, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        if (!(error instanceof Fault)) throw error;
        if (failures === 0)
          logger.warn({ reason: error.message }, "systemd lost; opening it again");
      }
      await clock.sleep(backoffMs(failures, REOPEN, random), signal);
    }
  }

  /** Has it look again at what is to be done and told: it may act from now on. */
  wake(): void {
    this.#look.ring();
    this.#report.ring();
  }

  /** A heartbeat that was sent at `sentMs` of the monotonic clock was acknowledged. */
  renewLease(sentMs: number): void {
    const { epoch } = this.#lease;
    this.#lease.renew(sentMs, this.#options.clock.monotonicMs());
    this.#renewed.ring();
    if (this.#lease.epoch !== epoch) this.#look.ring();
  }

  /** Unloads every unit and takes no more; resolves when none is left. */
  async leave(signal: AbortSignal): Promise<void> {
    this.#leaving = true;
    this.#look.ring();
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      signal.throwIfAborted();
      await Promise.race([this.#emptied.promise, aborted.promise]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
    await this.#letGo(signal);
    if (this.#units) await this.#reporter.report(this.#units, NO_WORK, signal);
  }

  /** Gives up what locks are left, so that their units start elsewhere at once; else the engine breaks them in time. */
  async #letGo(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    const limit = { ms: LET_GO_MS, clock, what: "let go of locks", signal };
    await withDeadline(limit, (stop) =>
      Promise.all(this.#locks.mine.map((unit) => this.#locks.release(unit, stop))),
    ).catch((error: unknown) => {
      if (signal.aborted) throw error;
      logger.warn({ reason: reasonOf(error) }, "could not let go of all locks");
    });
  }

  #hear(effects: readonly Effect[]): void {
    const { machine } = this.#options;
    const concerns = (effect: Effect) =>
      effect.kind === "units" ||
      this.#order.concerns(effect) ||
      (effect.kind === "machine" && effect.machine === machine.id);
    if (effects.length === 0 || effects.some(concerns)) this.wake();
    else if (effects.some((e) => e.kind === "state" && e.machine === machine.id))
      this.#report.ring();
  }

  /** Works with one connection to systemd until it is lost. */
  async #session(systemd: Systemd, outer: AbortSignal): Promise<void> {
    const { files, logger, systemdRun, clock } = this.#options;
    const scope = new AbortController();
    const signal = AbortSignal.any([outer, scope.signal]);
    const units = await LocalUnits.open(files, await systemdRun());
    const onDone = () => this.#look.ring();
    const tell = this.#tell;
    const lease = this.#lease;
    const { machine, feed } = this.#options;
    const shared = { systemd, files, units, clock, logger, tell, signal, onDone };
    const leased = await LeasedUnits.open({ ...shared, lease });
    const locks = this.#locks;
    const guard = new StartGuard({ ...shared, me: machine.id, feed, lease, leased, locks });
    const worker = new UnitWorker({ ...shared, guard });
    this.#units = units;
    const restart = (name: UnitName, reason: string) =>
      worker.begin([{ kind: "restart", name, reason }]);
    const parts = [
      this.#health.run({ units, busy: worker.busy, restart }, signal),
      this.#listen(systemd, signal),
      this.#reportAgain(systemd, units, worker, signal),
      this.#extendAgain(leased, signal),
      this.#lookAgain({ systemd, units, worker, leased, guard }, signal),
    ];
    try {
      await Promise.all(parts);
    } finally {
      scope.abort();
      await Promise.allSettled(parts);
      await worker.idle();
      await guard.idle();
    }
  }

  async #listen(systemd: Systemd, signal: AbortSignal): Promise<void> {
    for await (const _ of systemd.changes(signal)) this.#look.ring();
    signal.throwIfAborted();
    throw new Fault("SYSTEMD_GONE", "Cannot follow systemd: it told of no more changes");
  }

  /** Has systemd know of the lease whenever it was renewed. */
  async #extendAgain(leased: LeasedUnits, signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    for (;;) {
      try {
        if (await leased.extend(signal)) this.#look.ring();
      } catch (error) {
        if (signal.aborted || !(error instanceof Fault) || error.code !== "SYSTEMD_FAILED")
          throw error;
        logger.warn({ reason: error.message }, "lease not extended; it is tried again");
      }
      await this.#renewed.wait(SAFETY_MS, clock, signal);
    }
  }

  async #lookAgain(session: Session, signal: AbortSignal): Promise<void> {
    const { systemd, units, worker, leased, guard } = session;
    const { clock, machine, feed, isRegistered } = this.#options;
    let wholeAtMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      const nowMs = clock.monotonicMs();
      const isDue = nowMs >= wholeAtMs;
      if (isDue) wholeAtMs = nowMs + SAFETY_MS;
      await units.look(systemd, isDue ? "all" : "changed", signal);
      await guard.adopt();
      await leased.look();
      await units.recordAgain();
      const loaded = units.all(worker.busy);
      if (this.#leaving) {
        worker.begin(reconcileLeaving(loaded));
        if (units.names.length === 0 && worker.busy.size === 0) this.#emptied.resolve();
      } else if (feed.isListed && isRegistered()) {
        const me = feed.model.withMetadata(machine);
        const asked = reconcile(feed.model, me, loaded);
        const steps = heedRestored(asked, feed.model, me, nowMs);
        const ordered = this.#order.order(steps, me, loaded);
        worker.begin(guard.guard(ordered, loaded, worker.busy));
      }
      this.#health.look({ units, busy: worker.busy });
      this.#report.ring();
      const waits = [feed.restored.settlesMs, worker.againAtMs ?? 0]
        .map((atMs) => atMs - clock.monotonicMs())
        .filter((ms) => ms > 0);
      await this.#look.wait(Math.min(SAFETY_MS, ...waits), clock, signal);
    }
  }

  /** How a unit ended is to be known when its state says that it did, so this is done until no other has ended. */
  async #noteEnds(
    systemd: Systemd,
    units: LocalUnits,
    worker: UnitWorker,
    signal: AbortSignal,
  ): Promise<void> {
    for (let tries = 0; tries < NOTE_TRIES; tries += 1) {
      const ends = this.#results.ends(units, worker);
      if (ends.length === 0) return;
      await this.#results.report(ends, systemd, worker, signal);
    }
  }

  async #reportAgain(
    systemd: Systemd,
    units: LocalUnits,
    worker: UnitWorker,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, isRegistered } = this.#options;
    for (;;) {
      await this.#report.wait(SAFETY_MS, clock, signal);
      await clock.sleep(COALESCE_MS, signal);
      if (!isRegistered()) continue;
      await this.#noteEnds(systemd, units, worker, signal);
      await this.#reporter.report(units, worker, signal);
      await this.#health.report(signal);
    }
  }
}
