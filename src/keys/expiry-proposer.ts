import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { encodeEntry } from "#keys/core/command.ts";
import type { Log } from "#log/core/log.ts";

/** How often etcd's leader looks for what has expired. */
const SYNC_EVERY_MS = 500;

/**
 * How long the log has to have taken writes before anything expires. Whoever renews a key and could not while the log
 * was away, such as a machine its presence while another server is elected, gets this time to do it.
 */
const GRACE_MS = 2_000;

/** A write that took longer says that the log was away meanwhile. */
const AWAY_MS = 1_000;

export interface ExpiryProposerOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** The last entry that this server has of the log, whoever wrote it. */
  readonly appliedIndex: () => number;
  /** When the next key ends, in wall milliseconds; undefined when none will. */
  readonly nextExpiryMs: () => number | undefined;
  /** Whether keys may be there whose owners could not renew them lately. */
  readonly isResumed: boolean;
}

/** Proposes that time has come, on the server that leads, only when something is due: an idle store writes nothing. */
export async function proposeExpiry(
  options: ExpiryProposerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { log, clock, nextExpiryMs, appliedIndex } = options;
  const steady = new SteadyLog(clock.monotonicMs(), options.isResumed);
  while (!signal.aborted) {
    try {
      await clock.sleep(SYNC_EVERY_MS, signal);
      const nowMs = clock.monotonicMs();
      const isSteady = steady.look({ log, index: appliedIndex(), nowMs });
      const timeMs = clock.now().getTime();
      const isDue = (nextExpiryMs() ?? Number.POSITIVE_INFINITY) <= timeMs;
      if (!isDue || !isSteady) continue;
      await log.append(encodeEntry("sync", { op: "sync", timeMs }));
      if (clock.monotonicMs() - nowMs > AWAY_MS) steady.begin(clock.monotonicMs());
    } catch (error) {
      // What cannot be written does not expire; requests say why.
      if (signal.aborted) return;
      if (!(error instanceof Fault)) throw error;
      steady.end();
    }
  }
}

/**
 * Since when a log has taken writes, by monotonic milliseconds. The server that leads knows by leading. Of another's
 * time it knows by entries that came one after another, so that it need not wait anew when it is the next to lead.
 */
class SteadyLog {
  #sinceMs: number;
  #lookedMs: number;
  #index = 0;
  #cameMs = Number.NEGATIVE_INFINITY;

  constructor(nowMs: number, isResumed: boolean) {
    this.#lookedMs = nowMs;
    this.#sinceMs = isResumed ? nowMs : Number.NEGATIVE_INFINITY;
  }

  /** Whether this server leads, and the log has taken writes for long enough for what is due to expire. */
  look({ log, index, nowMs }: { log: Log; index: number; nowMs: number }): boolean {
    const leads = log.leads && !log.fault;
    const wasAway = nowMs - this.#lookedMs > SYNC_EVERY_MS + AWAY_MS;
    this.#lookedMs = nowMs;
    if (index !== this.#index) this.#cameMs = nowMs;
    this.#index = index;
    if (log.fault || wasAway || (!leads && nowMs - this.#cameMs > GRACE_MS)) this.end();
    if (leads || this.#cameMs === nowMs) this.#sinceMs = Math.min(this.#sinceMs, nowMs);
    return leads && nowMs - this.#sinceMs >= GRACE_MS;
  }

  /** It takes writes from now on. */
  begin(nowMs: number): void {
    this.#sinceMs = nowMs;
  }

  /** It takes none. */
  end(): void {
    this.#sinceMs = Number.POSITIVE_INFINITY;
  }
}
