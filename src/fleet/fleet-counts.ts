import type { Clock } from "#base/clock.ts";
import { Histogram } from "#base/prometheus.ts";
import type { MachineId } from "./core/machine-id.ts";
import type { Decision } from "./core/schedule.ts";

/** As the original's metrics library has them by default, in seconds. */
const SECONDS_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The original's names for kinds of requests to the store. */
export type StoreOperation = "get" | "set" | "get_all";
export type RoundFailure = "machine_away" | "run" | "schedule";

/** What a daemon counts of its work since it runs; reading it costs nothing while nobody asks. */
export class FleetCounts {
  /** Seconds since 1970; 0 while the engine does not lead. */
  leadsSince = 0;
  readonly roundSeconds = new Histogram(SECONDS_BOUNDS);
  readonly tasks = new Map<string, number>();
  readonly taskFailures = new Map<string, number>();
  readonly roundFailures = new Map<RoundFailure, number>();
  readonly operationSeconds = new Map<StoreOperation, Histogram>();
  readonly operationFailures = new Map<StoreOperation, number>();

  leadershipChanged(leads: boolean, now: Date): void {
    this.leadsSince = leads ? Math.floor(now.getTime() / 1000) : 0;
  }

  /** A round of the engine, whose decisions it gives. */
  round(
    lost: ReadonlyMap<MachineId, string>,
    clock: Clock,
    decide: () => readonly Decision[],
  ): readonly Decision[] {
    const startMs = clock.monotonicMs();
    const decisions = decide();
    this.roundSeconds.observe((clock.monotonicMs() - startMs) / 1000);
    for (const decision of decisions)
      if (decision.kind === "wait") increment(this.roundFailures, "schedule");
      else if ("from" in decision && lost.has(decision.from))
        increment(this.roundFailures, "machine_away");
    return decisions;
  }

  /** A decision that was carried out, or could not be. A move is two of the original's tasks. */
  carriedOut({ kind }: Decision, isDone: boolean): void {
    const types = {
      place: ["attemptscheduleunit"],
      unplace: ["unscheduleunit"],
      move: ["unscheduleunit", "attemptscheduleunit"],
      wait: [],
    }[kind];
    for (const type of types) increment(isDone ? this.tasks : this.taskFailures, type);
    if (!isDone) increment(this.roundFailures, "run");
  }

  asked(operation: StoreOperation, seconds: number): void {
    let histogram = this.operationSeconds.get(operation);
    if (histogram === undefined)
      this.operationSeconds.set(operation, (histogram = new Histogram(SECONDS_BOUNDS)));
    histogram.observe(seconds);
  }

  askFailed(operation: StoreOperation): void {
    increment(this.operationFailures, operation);
  }
}

function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
