import { withDeadline } from "#base/deadline.ts";
import { reasonOf } from "#base/fault.ts";
import { Wake } from "#base/wake.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { Effect } from "./core/cluster-model.ts";
import { eventOf } from "./core/decision-event.ts";
import { adoptions, isOldJob, unsettled } from "./core/heed-restored.ts";
import type { MachineId } from "./core/machine-id.ts";
import { type Decision, type LostMachines, schedule } from "./core/schedule.ts";
import { Drainer } from "./drainer.ts";
import type { EngineMeans } from "./engine-means.ts";
import type { FleetCounts } from "./fleet-counts.ts";
import { Housekeeping } from "./housekeeping.ts";
import { inParallel } from "./in-parallel.ts";
import { LeaderLease } from "./leader-lease.ts";
import type { MachineProbe } from "./machine-probe.ts";
import { noteAvoidance } from "./note-avoidance.ts";
import { OnceBreaker } from "./once-breaker.ts";
import { Prober } from "./prober.ts";
import { isKeysError } from "./registry.ts";
import { RolloutDriver } from "./rollout-driver.ts";
import { Timekeeper } from "./timekeeper.ts";

export interface EngineOptions extends EngineMeans {
  readonly probe: MachineProbe;
  /** The longest time after a change until all units are looked at again, not just those that changed. */
  readonly intervalMs: number;
  readonly counts: FleetCounts;
  /** Called when leading begins or ends. */
  readonly onLeading: () => void;
}

/** Writes of decisions under way at once. */
const WRITES_MAX = 64;
/** How long a written decision may take to show in the mirror before the engine looks again anyway. */
const SEEN_MS = 5_000;

/**
 * Decides where units run while this machine's engine leads. Units that changed, and those that wait for a machine,
 * are looked at at once; everything when machines come and go, when leading begins, and once in a while.
 */
export class Engine {
  readonly #options: EngineOptions;
  readonly #lease: LeaderLease;
  readonly #housekeeping: Housekeeping;
  readonly #drainer: Drainer;
  readonly #rollouts: RolloutDriver;
  readonly #breaker: OnceBreaker;
  readonly #prober: Prober;
  readonly #timekeeper: Timekeeper;
  readonly #wake = new Wake();
  #focus = new Set<UnitName>();
  /** When everything is to be looked at; undefined when nothing changed since. */
  #allAtMs: number | undefined;
  /** When time alone may change what the last round was told of machines; that may be over by its end. */
  #verdictUntilMs: number | undefined;
  /** Units that nothing fits. */
  #waiting = new Set<UnitName>();
  /** Why units wait, as it was logged. */
  readonly #told = new Map<UnitName, string>();
  #held = "";

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#prober = new Prober({ ...options, onKnown: () => this.#lookAtAll() });
    this.#lease = new LeaderLease({ ...options, onChange: () => this.#changeLead() });
    this.#housekeeping = new Housekeeping(options);
    this.#drainer = new Drainer(options);
    this.#rollouts = new RolloutDriver({ ...options, leads: () => this.#lease.leads });
    this.#breaker = new OnceBreaker({ ...options, as: "engine" });
    this.#timekeeper = new Timekeeper({ ...options, leads: () => this.#lease.leads });
  }

  get leads(): boolean {
    return this.#lease.leads;
  }

  async run(signal: AbortSignal): Promise<void> {
    using _ = this.#options.feed.subscribe((effects) => this.#hear(effects));
    await Promise.all([
      this.#lease.run(signal),
      this.#plan(signal),
      this.#rollouts.run(signal),
      this.#prober.run(signal),
      this.#timekeeper.run(signal),
    ]);
  }

  #hear(effects: readonly Effect[]): void {
    for (const effect of effects)
      if (effect.kind === "machine") return this.#lookAtAll();
      else if (effect.kind === "units") {
        for (const unit of effect.units) this.#focus.add(unit);
        this.#allAtMs ??= this.#options.clock.monotonicMs() + this.#options.intervalMs;
      } else if (effect.kind === "state" && this.#awaits(effect.unit)) this.#wake.ring();
    if (effects.length === 0) return this.#lookAtAll();
    if (this.#focus.size > 0) this.#wake.ring();
  }

  /** Whether what a machine reports of the unit is waited for. */
  #awaits(unit: UnitName): boolean {
    return this.#drainer.awaits(unit) || isOldJob(this.#options.feed.model, unit);
  }

  #changeLead(): void {
    this.#prober.setLeading(this.#lease.leads);
    this.#lookAtAll();
    this.#options.onLeading();
  }

  #lookAtAll(): void {
    this.#drainer.lookAgain();
    this.#allAtMs = this.#options.clock.monotonicMs();
    this.#wake.ring();
    this.#rollouts.wake();
  }

  async #plan(signal: AbortSignal): Promise<void> {
    const { clock, feed } = this.#options;
    for (;;) {
      if (this.#lease.leads && feed.isFollowing) await this.#round(signal);
      await this.#wake.wait(this.#pauseMs(), clock, signal);
    }
  }

  #pauseMs(): number {
    const { clock, intervalMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const { againAtMs } = this.#drainer;
    const times = [this.#verdictUntilMs, this.#allAtMs, againAtMs].filter(
      (atMs) => atMs !== undefined,
    );
    const nextMs = Math.min(nowMs + 10 * intervalMs, ...times);
    // Without the store nothing is decided, however long it is due.
    const isAble = this.#lease.leads && this.#options.feed.isFollowing;
    return Math.max(isAble ? 1 : intervalMs, nextMs - nowMs);
  }

  async #round(signal: AbortSignal): Promise<void> {
    const { clock, feed } = this.#options;
    const brokenAtMs = await this.#breaker.run(signal);
    // Only now: that may have taken its time, and who is lost is to be so when it is acted on.
    const { lost, held, cutOff, againAtMs } = feed.verdict();
    const leased = feed.leaseWaits();
    this.#verdictUntilMs = earliest(againAtMs, leased.againAtMs, brokenAtMs);
    this.#tellHeld(held);
    // Time alone makes machines lost, so a lost machine that still holds units is a reason to look at all of them.
    const all =
      (this.#allAtMs !== undefined && this.#allAtMs <= clock.monotonicMs()) || lost.size > 0;
    if (all) this.#allAtMs = undefined;
    const { jobs } = feed.model;
    await this.#carryOut(adoptions(feed.model, clock.monotonicMs()), signal);
    const unknown = unsettled(feed.model, clock.monotonicMs());
    if (unknown.size > 0) this.#allAtMs ??= feed.restored.settlesMs;
    const asked = all ? "all" : [...this.#focus, ...this.#waiting];
    const focus =
      unknown.size === 0
        ? asked
        : [...(asked === "all" ? jobs.keys() : asked)].filter((name) => !unknown.has(name));
    this.#waiting.clear();
    this.#focus = new Set();
    if (focus.length > 0) {
      const decisions = this.#options.counts.round(lost, clock, () =>
        schedule(feed.model, lost, focus, { waits: leased.waits, cutOff }),
      );
      this.#tellWaiting(decisions);
      await this.#carryOut(decisions, signal);
    }
    await this.#drain(lost, signal);
    await this.#housekeeping.run(signal);
  }

  async #drain(lost: LostMachines, signal: AbortSignal): Promise<void> {
    await this.#carryOut(this.#drainer.moves(lost), signal);
    if (this.#lease.leads) await this.#drainer.enforceDeadlines(signal);
  }

  async #carryOut(decisions: readonly Decision[], signal: AbortSignal): Promise<void> {
    const { clock, feed, logger } = this.#options;
    let newest = 0;
    const writes = decisions.filter((decision) => decision.kind !== "wait");
    await inParallel(writes, WRITES_MAX, async (decision) => {
      try {
        const index = await this.#write(decision, signal);
        if (index === undefined) return;
        newest = Math.max(newest, index);
        logger.info({ ...decision }, "decided");
        this.#options.counts.carriedOut(decision, true);
        this.#options.events.tell(eventOf(decision, this.#options.me));
      } catch (error) {
        if (signal.aborted) throw error;
        this.#options.counts.carriedOut(decision, false);
        // Somebody was faster, or the store went away: what is then so shows in the mirror, or at the next look.
        this.#allAtMs ??= clock.monotonicMs() + this.#options.intervalMs;
        const level = isKeysError(error, 100, 101, 105) ? "debug" : "warn";
        logger[level]({ ...decision, error: reasonOf(error) }, "could not carry out a decision");
      }
    });
    // Deciding again before the model shows what was written would decide the same again.
    const limit = { ms: SEEN_MS, clock, what: "see what was decided", signal };
    await withDeadline(limit, (stop) => feed.seen(newest, stop)).catch((error: unknown) => {
      if (signal.aborted) throw error;
    });
  }

  async #write(
    decision: Exclude<Decision, { kind: "wait" }>,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { registry } = this.#options;
    const { unit } = decision;
    if (!this.#lease.leads) return undefined;
    switch (decision.kind) {
      case "place":
        return registry.place(unit, decision.to, signal);
      case "move":
        // First, so that the machine is avoided also when this engine gets no further.
        if (decision.avoid !== undefined)
          await noteAvoidance(registry, unit, decision.from, decision.avoid, signal);
        return registry.move(unit, decision.from, decision.to, signal);
      case "unplace":
        return registry.unplace(unit, decision.from, signal);
      default:
        return decision satisfies never;
    }
  }

  #tellWaiting(decisions: readonly Decision[]): void {
    const { jobs } = this.#options.feed.model;
    for (const unit of this.#told.keys()) if (!jobs.has(unit)) this.#told.delete(unit);
    for (const { kind, unit, reason } of decisions) {
      if (kind !== "wait") this.#told.delete(unit);
      else {
        if (this.#told.get(unit) !== reason)
          this.#options.logger.warn({ unit, reason }, "unit waits");
        this.#told.set(unit, reason);
        this.#waiting.add(unit);
      }
    }
  }

  #tellHeld(held: ReadonlyMap<MachineId, string>): void {
    const machines = [...held.keys()].join(",");
    const [reason] = held.values();
    if (machines !== this.#held && reason !== undefined)
      this.#options.logger.error({ machines, reason }, "holding back moves");
    this.#held = machines;
  }
}

function earliest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((atMs) => atMs !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}
