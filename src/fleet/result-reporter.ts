import { reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { ServiceOutcome } from "#systemd/core/service-outcome.ts";
import type { Systemd } from "#systemd/systemd.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import type { MachineId } from "./core/machine-id.ts";
import { textHere } from "./core/rolling-text.ts";
import { runsOnce } from "./core/run-once.ts";
import { describeResult, type RunResult, writeRunResult } from "./core/run-result.ts";
import type { Unit } from "./core/unit.ts";
import type { EventLog } from "./event-log.ts";
import type { LocalUnits } from "./local-units.ts";
import type { Registry } from "./registry.ts";
import type { UnitWorker } from "./unit-worker.ts";

export interface ResultReporterOptions {
  readonly me: MachineId;
  readonly feed: ClusterFeed;
  readonly registry: Registry;
  readonly events: EventLog;
  readonly logger: Logger;
}

/** An end of a service that this machine launched. */
interface End {
  readonly name: UnitName;
  readonly unit: Unit;
  readonly run: number;
  readonly hash: string;
  readonly hasFailed: boolean;
}

/**
 * Notes how services that this machine launched ended by themselves: once for each end, and for one that runs once,
 * once for each run that was asked for. A write that fails is made up for at the next report.
 */
export class ResultReporter {
  readonly #options: ResultReporterOptions;
  /** Ends that are noted, or known from before this daemon began. */
  readonly #noted = new Map<UnitName, string>();

  constructor(options: ResultReporterOptions) {
    this.#options = options;
  }

  /** Notes these ends. */
  async report(
    ends: readonly End[],
    systemd: Systemd,
    worker: UnitWorker,
    signal: AbortSignal,
  ): Promise<void> {
    const { logger } = this.#options;
    for (const seen of ends) {
      const end = await this.#asOfNow(seen, systemd, signal);
      if (end === undefined) continue;
      const whyNotBegun = worker.whyNotBegun(end.name);
      const outcome =
        whyNotBegun === undefined ? await systemd.outcome(end.name, signal) : undefined;
      try {
        await this.#note(end, resultOf(end, this.#options.me, outcome, whyNotBegun), signal);
      } catch (error) {
        if (signal.aborted) throw error;
        logger.warn({ unit: end.name, reason: reasonOf(error) }, "could not note a result");
      }
    }
  }

  /** Services that ended, as far as that is not noted; none while the store is away. */
  ends(units: LocalUnits, worker: UnitWorker): End[] {
    const { model, isFollowing } = this.#options.feed;
    const ends: End[] = [];
    if (!isFollowing) return ends;
    for (const name of this.#noted.keys())
      if (units.get(name) === undefined) this.#noted.delete(name);
    for (const name of units.names) {
      const here = units.get(name); // it may be gone since the names were taken
      if (here === undefined) continue;
      const wanted = model.jobs.get(name)?.unit;
      // An old copy that goes on beside the new one has no result to tell: the unit's is that of the new one.
      const unit = wanted?.wants.global === true ? textHere(model, this.#options.me, name) : wanted;
      const hasEnded = here.activeState === "inactive" || here.activeState === "failed";
      if (!hasEnded) this.#noted.delete(name);
      if (!hasEnded || !here.launched || !here.run || unit?.hash !== here.hash) continue;
      if (!name.endsWith(".service") || here.loadState === "") continue;
      if (worker.busy.has(name) || worker.isStarting(name)) continue;
      if (this.#noted.get(name) === `${here.hash} ${here.run}`) continue;
      const hasFailed = here.activeState === "failed" || here.loadState !== "loaded";
      ends.push({ name, unit, run: here.run, hash: here.hash, hasFailed });
    }
    return ends;
  }

  /** What was seen may be from before the start; undefined when the unit runs now. */
  async #asOfNow(end: End, systemd: Systemd, signal: AbortSignal): Promise<End | undefined> {
    const [now] = await systemd.status([end.name], signal);
    if (now === undefined) return end;
    const { activeState } = now;
    if (activeState !== "inactive" && activeState !== "failed") return undefined;
    return { ...end, hasFailed: end.hasFailed || activeState === "failed" };
  }

  async #note({ name, unit, run, hash }: End, result: RunResult, signal: AbortSignal) {
    const { feed, registry, events, me } = this.#options;
    const machine = unit.wants.global ? me : undefined;
    const known = feed.model.notes.results.get(name, machine)?.value;
    const isKnownRun = known?.hash === hash && known.generation === run;
    const isKnown =
      isKnownRun && (runsOnce(unit) || result.ended === undefined || known.ended === result.ended);
    if (!isKnown) {
      await registry.writeNote(
        { room: "results", unit: name, machine },
        writeRunResult(result),
        {},
        signal,
      );
      events.tell({
        what: "ended",
        unit: name,
        machine: me,
        who: `agent on ${me}`,
        why: "it ran to its end",
        after: describeResult(result),
      });
    }
    this.#noted.set(name, `${hash} ${run}`);
  }
}

function resultOf(
  { run, hash, hasFailed }: End,
  machine: MachineId,
  outcome: ServiceOutcome | undefined,
  whyNotBegun: string | undefined,
): RunResult {
  // What systemd says now is newer than what was seen of it.
  const isBad = outcome !== undefined && outcome.result !== "success";
  const failed = hasFailed || isBad || whyNotBegun !== undefined;
  return {
    hash,
    generation: run,
    machine,
    result: failed ? "failed" : "success",
    detail: whyNotBegun ?? outcome?.result,
    exitStatus: outcome?.exitStatus,
    signal: outcome?.signal,
    began: isoTime(outcome?.beganMs),
    ended: isoTime(outcome?.endedMs),
  };
}

function isoTime(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString();
}
