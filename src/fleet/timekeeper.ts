import { withDeadline } from "#base/deadline.ts";
import { reasonOf } from "#base/fault.ts";
import { Wake } from "#base/wake.ts";
import type { Effect } from "./core/cluster-model.ts";
import { armedTimers, judgeTimer, type TimerStep } from "./core/timers.ts";
import type { LeadingMeans } from "./engine-means.ts";
import { asSeen, isKeysError } from "./registry.ts";

/** The longest time until it looks at the wall clock again, which may have been set. */
const LOOK_MS = 1_000;
/** How long a write may take to show in the mirror before timers are looked at again anyway. */
const SEEN_MS = 5_000;

type Write = Exclude<TimerStep, { kind: "wait" }>;

/**
 * Tells units of timers to run, while this machine's engine leads, by its wall clock. Each is written over exactly what
 * was seen, so that two engines that both believe to lead cannot have a unit run twice.
 */
export class Timekeeper {
  readonly #options: LeadingMeans;
  readonly #wake = new Wake();

  constructor(options: LeadingMeans) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, feed, leads } = this.#options;
    using _ = feed.subscribe((effects) => {
      if (effects.length === 0 || effects.some((effect) => this.#concerns(effect)))
        this.#wake.ring();
    });
    for (;;) {
      const untilMs = leads() && feed.isFollowing ? await this.#round(signal) : undefined;
      const restMs = (untilMs ?? Number.POSITIVE_INFINITY) - clock.now().getTime();
      await this.#wake.wait(Math.max(1, Math.min(LOOK_MS, restMs)), clock, signal);
    }
  }

  #concerns(effect: Effect): boolean {
    const { timed } = this.#options.feed.model;
    if (effect.kind === "units") return effect.units.some((unit) => timed.has(unit));
    return effect.kind === "machine" || effect.kind === "lease";
  }

  /** Does what is due; gives when the next is, by the wall clock. */
  async #round(signal: AbortSignal): Promise<number | undefined> {
    const { clock, feed } = this.#options;
    const nowMs = clock.now().getTime();
    let nextMs: number | undefined;
    let newest = 0;
    for (const job of armedTimers(feed.model)) {
      const step = judgeTimer(feed.model, job, nowMs);
      if (step.kind !== "wait") newest = Math.max(newest, await this.#carryOut(step, signal));
      else if (step.untilMs !== undefined) nextMs = Math.min(nextMs ?? step.untilMs, step.untilMs);
    }
    // Judging again before the model shows what was written would judge the same again.
    const limit = { ms: SEEN_MS, clock, what: "see what timers were told", signal };
    await withDeadline(limit, (stop) => feed.seen(newest, stop)).catch((error: unknown) => {
      if (signal.aborted) throw error;
    });
    return nextMs;
  }

  /** The index of what was written; 0 when nothing was. */
  async #carryOut(step: Write, signal: AbortSignal): Promise<number> {
    const { leads, logger } = this.#options;
    if (!leads()) return 0;
    try {
      const index = await this.#write(step, signal);
      logger.info({ ...step }, "timer");
      this.#tell(step);
      return index;
    } catch (error) {
      if (signal.aborted) throw error;
      // Somebody was faster, or the store went away: what is then so shows in the mirror.
      const level = isKeysError(error, 100, 101, 105) ? "debug" : "warn";
      logger[level]({ ...step, error: reasonOf(error) }, "could not tell a timer's unit");
      return 0;
    }
  }

  #write(step: Write, signal: AbortSignal): Promise<number> {
    const { clock, me, registry } = this.#options;
    const { unit, over, reason } = step;
    if (step.kind === "fire") {
      const run = {
        scheduled: new Date(step.scheduledMs).toISOString(),
        at: clock.now().toISOString(),
        by: `engine on ${me}`,
        why: reason,
      };
      return registry.writeNote({ room: "runs", unit }, JSON.stringify(run), asSeen(over), signal);
    }
    const { desiredIndex, hash, sinceMs } = step;
    const since = new Date(sinceMs).toISOString();
    const note = JSON.stringify({ desiredIndex, hash, since, why: reason });
    return registry.writeNote({ room: "timers", unit }, note, asSeen(over), signal);
  }

  #tell(step: Write): void {
    const { events, me } = this.#options;
    const what = { fire: "run", skip: "skipped", arm: "armed" }[step.kind];
    const ms = step.kind === "fire" ? step.scheduledMs : step.sinceMs;
    const after = step.kind === "arm" ? {} : { after: `the run of ${new Date(ms).toISOString()}` };
    events.tell({ what, unit: step.unit, who: `engine on ${me}`, why: step.reason, ...after });
  }
}
