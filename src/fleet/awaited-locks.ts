import type { Clock } from "#base/clock.ts";
import type { Logger } from "#base/logger.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import { isOriginal } from "./core/daemon-version.ts";
import type { MachineId } from "./core/machine-id.ts";
import type { EventLog } from "./event-log.ts";
import { OnceBreaker } from "./once-breaker.ts";
import type { Registry } from "./registry.ts";

export interface AwaitedLocksOptions {
  readonly me: MachineId;
  readonly feed: ClusterFeed;
  readonly registry: Registry;
  readonly events: EventLog;
  readonly isRegistered: () => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
}

const EVERY_MS = 1_000;

/**
 * While an engine of the original leads, which knows no locks: breaks those of lost machines that units placed here wait
 * for, by the same rule as Keelson's engine does while it leads.
 */
export async function breakAwaitedLocks(
  options: AwaitedLocksOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, feed, isRegistered, me } = options;
  const breaker = new OnceBreaker({ ...options, as: "agent" });
  const isMine = (unit: UnitName) => feed.model.jobs.get(unit)?.target?.value === me;
  for (;;) {
    await clock.sleep(EVERY_MS, signal);
    if (feed.isFollowing && isRegistered() && isLedByOriginal(feed))
      await breaker.run(signal, isMine);
  }
}

function isLedByOriginal({ model }: ClusterFeed): boolean {
  const leader = model.machines.get((model.lease?.value ?? "") as MachineId);
  return leader !== undefined && isOriginal(leader);
}
