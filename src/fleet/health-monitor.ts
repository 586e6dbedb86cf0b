import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import { Wake } from "#base/wake.ts";
import type { HealthPolicy } from "#unitfile/core/health-policy.ts";
import { expandMachineSpecifiers } from "#unitfile/core/specifiers.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import {
  checkPauseMs,
  type Health,
  type HealthEvent,
  healthNoteOf,
  resumeHealth,
  stepHealth,
  UNSEEN,
} from "./core/health.ts";
import { writeHealthNote } from "./core/health-note.ts";
import type { MachineRecord } from "./core/records.ts";
import { textHere } from "./core/rolling-text.ts";
import type { HealthProbe } from "./health-probe.ts";
import { inParallel } from "./in-parallel.ts";
import type { LocalUnits } from "./local-units.ts";
import type { Registry } from "./registry.ts";
import { WrittenKeys } from "./written-keys.ts";

export interface HealthMonitorOptions {
  readonly machine: MachineRecord;
  readonly feed: ClusterFeed;
  readonly registry: Registry;
  readonly healthProbe: HealthProbe;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** What the monitor sees of units, and may do to them, during one connection to systemd. */
export interface MonitoredUnits {
  readonly units: LocalUnits;
  /** Units that a step is under way for; they are not checked meanwhile. */
  readonly busy: ReadonlySet<UnitName>;
  restart(name: UnitName, reason: string): void;
}

/** A unit with a check, as the monitor knows it. */
interface Watched {
  readonly hash: string;
  readonly policy: HealthPolicy;
  health: Health;
  isActive: boolean;
  nextMs: number;
  /** Ends the check that is under way, if one is. */
  checking: AbortController | undefined;
}

const CHECKS_MAX = 16;
const WRITES_MAX = 16;
/** Timers of many units that fall together are spread by this part of their interval, either way. */
const JITTER = 0.1;
const IDLE_MS = 30_000;

/**
 * Finds out whether the units that are active on this machine do their work, restarts those that do not and are to be
 * restarted, and notes what it found for the cluster. Checks and restarts need no store.
 */
export class HealthMonitor {
  readonly #options: HealthMonitorOptions;
  readonly #watched = new Map<UnitName, Watched>();
  readonly #written = new WrittenKeys();
  readonly #wake = new Wake();
  readonly #checks = new Set<Promise<void>>();
  /** Called when a note may have to be written. */
  readonly #onChange: () => void;
  #sawUnits = false;

  constructor(options: HealthMonitorOptions, onChange: () => void) {
    this.#options = options;
    this.#onChange = onChange;
  }

  /** Takes over which units are there and active; called after each look at systemd. */
  look({ units, busy }: Pick<MonitoredUnits, "units" | "busy">): void {
    const nowMs = this.#options.clock.monotonicMs();
    const names = new Set(units.names);
    for (const [name, watched] of this.#watched)
      if (!names.has(name) || units.get(name)?.hash !== watched.hash) {
        watched.checking?.abort();
        this.#watched.delete(name);
      }
    for (const name of names) {
      const watched = this.#watched.get(name) ?? this.#begin(name, units);
      if (watched === undefined) continue;
      const isActive = units.get(name)?.activeState === "active" && !busy.has(name);
      if (isActive === watched.isActive) continue;
      watched.isActive = isActive;
      watched.checking?.abort();
      this.#step(watched, { kind: isActive ? "started" : "stopped", nowMs });
      watched.nextMs = nowMs + this.#spread(checkPauseMs(watched.health, watched.policy));
    }
    this.#sawUnits ||= this.#options.feed.isListed;
    this.#wake.ring();
    this.#onChange();
  }

  /** Makes the checks that are due until aborted. */
  async run(monitored: MonitoredUnits, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    try {
      for (;;) {
        const nowMs = clock.monotonicMs();
        for (const [name, watched] of this.#due(nowMs)) {
          if (this.#checks.size >= CHECKS_MAX) break;
          this.#begun(name, watched, monitored, signal);
        }
        await this.#wake.wait(this.#pauseMs(nowMs), clock, signal);
      }
    } finally {
      for (const { checking } of this.#watched.values()) checking?.abort();
      await Promise.allSettled(this.#checks);
    }
  }

  /** Writes what is to be noted and differs. A write that fails is told and made up for at the next report. */
  async report(signal: AbortSignal): Promise<void> {
    const { feed, registry, machine, logger } = this.#options;
    if (!feed.isFollowing || !this.#sawUnits) return;
    const { model } = feed;
    const names = new Set([...this.#watched.keys(), ...model.notes.health.units()]);
    await inParallel([...names], WRITES_MAX, async (unit) => {
      const watched = this.#watched.get(unit);
      const note = watched && healthNoteOf(watched.health, watched.hash, watched.policy);
      const shown = model.notes.health.get(unit, machine.id)?.value;
      const value = note && writeHealthNote(note);
      const at = { room: "health", unit, machine: machine.id } as const;
      const key = model.keys.note("health", unit, machine.id);
      if (this.#written.known(key, shown && writeHealthNote(shown), feed.index) === value) return;
      try {
        const index =
          value === undefined
            ? await registry.removeNote(at, signal)
            : await registry.writeNote(at, value, {}, signal);
        this.#written.remember(key, value, index);
      } catch (error) {
        if (signal.aborted) throw error;
        logger.warn({ unit, reason: reasonOf(error) }, "could not note a unit's health");
      }
    });
  }

  /** Undefined when nothing says that the unit's file here is to be checked. */
  #begin(name: UnitName, units: LocalUnits): Watched | undefined {
    const { feed, clock, machine } = this.#options;
    const unit = textHere(feed.model, machine.id, name);
    const hash = units.get(name)?.hash;
    const policy = unit?.wants.health;
    if (policy === undefined || hash === undefined || unit?.hash !== hash) return undefined;
    const nowMs = clock.monotonicMs();
    // A daemon before this one may have known the same run of the unit.
    const note = this.#sawUnits ? undefined : feed.model.notes.health.get(name, machine.id)?.value;
    const isResumed = note?.hash === hash && units.get(name)?.activeState === "active";
    const watched: Watched = {
      hash,
      policy,
      health: note !== undefined && isResumed ? resumeHealth(note, nowMs) : UNSEEN,
      isActive: isResumed,
      nextMs: nowMs + this.#options.random() * checkPauseMs(UNSEEN, policy),
      checking: undefined,
    };
    this.#watched.set(name, watched);
    return watched;
  }

  #due(nowMs: number): [UnitName, Watched][] {
    return [...this.#watched]
      .filter(([, one]) => one.isActive && one.checking === undefined && one.nextMs <= nowMs)
      .sort(([, a], [, b]) => a.nextMs - b.nextMs);
  }

  #pauseMs(nowMs: number): number {
    if (this.#checks.size >= CHECKS_MAX) return IDLE_MS; // a check that ends rings
    const next = [...this.#watched.values()]
      .filter((one) => one.isActive && one.checking === undefined)
      .map(({ nextMs }) => nextMs - nowMs);
    return Math.max(1, Math.min(IDLE_MS, ...next));
  }

  #spread(ms: number): number {
    return ms * (1 - JITTER + 2 * JITTER * this.#options.random());
  }

  #begun(name: UnitName, watched: Watched, monitored: MonitoredUnits, outer: AbortSignal): void {
    const end = new AbortController();
    watched.checking = end;
    const signal = AbortSignal.any([outer, end.signal]);
    const check = this.#check(name, watched, signal)
      .then(
        (failure) => {
          if (!signal.aborted) this.#judge(name, watched, failure, monitored);
        },
        (error: unknown) => {
          if (!signal.aborted) this.#judge(name, watched, reasonOf(error), monitored);
        },
      )
      .finally(() => {
        if (watched.checking === end) watched.checking = undefined;
        const pauseMs = checkPauseMs(watched.health, watched.policy);
        watched.nextMs = this.#options.clock.monotonicMs() + this.#spread(pauseMs);
        this.#checks.delete(check);
        this.#wake.ring();
      });
    this.#checks.add(check);
  }

  /** Makes all of a unit's checks at once; gives the first failure in the order of the file. */
  async #check(
    name: UnitName,
    { policy }: Watched,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { clock, healthProbe, machine, feed } = this.#options;
    const names = feed.model.withMetadata(machine);
    const failures = await Promise.all(
      policy.checks.map(async ({ kind, text }) => {
        const check = { kind, text: expandMachineSpecifiers(text, names) };
        const limit = { ms: policy.timeoutMs, clock, what: `check ${name}`, signal };
        try {
          return await withDeadline(limit, (stop) => healthProbe.check(check, name, stop));
        } catch (error) {
          if (!(error instanceof Fault && error.code === "TIMED_OUT")) throw error;
          return `no answer within ${policy.timeoutMs / 1000} s from ${check.text}`;
        }
      }),
    );
    return failures.find((failure) => failure !== undefined);
  }

  #judge(
    name: UnitName,
    watched: Watched,
    failure: string | undefined,
    monitored: MonitoredUnits,
  ): void {
    const { clock, logger } = this.#options;
    const event = { kind: "checked", failure, nowMs: clock.monotonicMs() } as const;
    const before = watched.health.told?.healthy;
    const reason = this.#step(watched, { ...event, now: clock.now().toISOString() });
    const { told } = watched.health;
    if (told !== undefined && told.healthy !== before) {
      const level = told.healthy ? "info" : "warn";
      logger[level]({ unit: name, ...told }, told.healthy ? "healthy" : "unhealthy");
    }
    if (reason !== undefined) monitored.restart(name, reason);
    this.#onChange();
  }

  #step(watched: Watched, event: HealthEvent): string | undefined {
    const { next, restart } = stepHealth(watched.health, event, watched.policy);
    watched.health = next;
    return restart;
  }
}
