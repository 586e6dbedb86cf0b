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
  const { log, clock, nextExpiryMs } = options;
  /** Since when the log takes writes and this server leads. */
  let steadySinceMs = options.isResumed ? clock.monotonicMs() : Number.NEGATIVE_INFINITY;
  while (!signal.aborted) {
    try {
      await clock.sleep(SYNC_EVERY_MS, signal);
      const nowMs = clock.monotonicMs();
      if (!log.leads || log.fault) {
        steadySinceMs = Number.POSITIVE_INFINITY;
        continue;
      }
      steadySinceMs = Math.min(steadySinceMs, nowMs);
      const timeMs = clock.now().getTime();
      const isDue = (nextExpiryMs() ?? Number.POSITIVE_INFINITY) <= timeMs;
      if (!isDue || nowMs - steadySinceMs < GRACE_MS) continue;
      await log.append(encodeEntry("sync", { op: "sync", timeMs }));
      if (clock.monotonicMs() - nowMs > AWAY_MS) steadySinceMs = clock.monotonicMs();
    } catch (error) {
      // What cannot be written does not expire; requests say why.
      if (signal.aborted) return;
      if (!(error instanceof Fault)) throw error;
      steadySinceMs = Number.POSITIVE_INFINITY;
    }
  }
}
