import { backoffMs } from "#base/backoff.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import { Wake } from "#base/wake.ts";
import type { Systemd } from "#systemd/systemd.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import type { Effect } from "./core/cluster-model.ts";
import { reconcile, reconcileLeaving } from "./core/reconcile.ts";
import type { MachineRecord } from "./core/records.ts";
import type { EventLog } from "./event-log.ts";
import { HealthMonitor } from "./health-monitor.ts";
import type { HealthProbe } from "./health-probe.ts";
import { LocalUnits } from "./local-units.ts";
import type { Registry } from "./registry.ts";
import { ResultReporter } from "./result-reporter.ts";
import type { UnitFiles } from "./unit-files.ts";
import { UnitReporter } from "./unit-reporter.ts";
import { UnitWorker } from "./unit-worker.ts";

export interface AgentOptions {
  readonly machine: MachineRecord;
  readonly feed: ClusterFeed;
  readonly registry: Registry;
  readonly events: EventLog;
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
const REOPEN = { baseMs: 200, maxMs: 5_000 };

/**
 * Makes this machine's systemd run what the cluster wants here, and tells the cluster what it runs.
 * Losing the store, systemd or this process stops no unit.
 */
export class Agent {
  readonly #options: AgentOptions;
  readonly #look = new Wake();
  readonly #report = new Wake();
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
    if (this.#units) await this.#reporter.report(this.#units, new Set(), signal);
  }

  #hear(effects: readonly Effect[]): void {
    const { machine } = this.#options;
    const concerns = (effect: Effect) =>
      effect.kind === "units" || (effect.kind === "machine" && effect.machine === machine.id);
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
    const worker = new UnitWorker({ systemd, files, units, clock, logger, tell, signal, onDone });
    this.#units = units;
    const restart = (name: UnitName, reason: string) =>
      worker.begin([{ kind: "restart", name, reason }]);
    const parts = [
      this.#health.run({ units, busy: worker.busy, restart }, signal),
      this.#listen(systemd, signal),
      this.#lookAgain(systemd, units, worker, signal),
      this.#reportAgain(systemd, units, worker, signal),
    ];
    try {
      await Promise.all(parts);
    } finally {
      scope.abort();
      await Promise.allSettled(parts);
      await worker.idle();
    }
  }

  async #listen(systemd: Systemd, signal: AbortSignal): Promise<void> {
    for await (const _ of systemd.changes(signal)) this.#look.ring();
    signal.throwIfAborted();
    throw new Fault("SYSTEMD_GONE", "Cannot follow systemd: it told of no more changes");
  }

  async #lookAgain(
    systemd: Systemd,
    units: LocalUnits,
    worker: UnitWorker,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, machine, feed, isRegistered } = this.#options;
    let wholeAtMs = Number.NEGATIVE_INFINITY;
    for (;;) {
      const nowMs = clock.monotonicMs();
      const isDue = nowMs >= wholeAtMs;
      if (isDue) wholeAtMs = nowMs + SAFETY_MS;
      await units.look(systemd, isDue ? "all" : "changed", signal);
      if (this.#leaving) {
        worker.begin(reconcileLeaving(units.all(worker.busy)));
        if (units.names.length === 0 && worker.busy.size === 0) this.#emptied.resolve();
      } else if (feed.isListed && isRegistered()) {
        const me = feed.model.withMetadata(machine);
        worker.begin(reconcile(feed.model, me, units.all(worker.busy)));
      }
      this.#health.look({ units, busy: worker.busy });
      this.#report.ring();
      await this.#look.wait(SAFETY_MS, clock, signal);
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
      await this.#reporter.report(units, worker.busy, signal);
      await this.#health.report(signal);
      await this.#results.report(systemd, units, worker, signal);
    }
  }
}
