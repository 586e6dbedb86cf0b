import type { Clock } from "#base/clock.ts";
import { reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import { Wake } from "#base/wake.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import type { Registry } from "./registry.ts";

export interface RestoredTellerOptions {
  readonly feed: ClusterFeed;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
}

const AGAIN_MS = 500;
/** How long a change may be missed at most. */
const SAFETY_MS = 30_000;

/**
 * Notes in the store when this daemon found it restored: others find it out later, and a machine that boots meanwhile
 * cannot by itself, for it remembers nothing.
 */
export async function tellRestored(
  { feed, registry, clock, logger }: RestoredTellerOptions,
  signal: AbortSignal,
): Promise<void> {
  const wake = new Wake();
  using _ = feed.subscribe(() => wake.ring());
  let told: number | undefined;
  for (;;) {
    const index = feed.foundRestored;
    if (index === told) await wake.wait(SAFETY_MS, clock, signal);
    else
      try {
        await registry.noteRestored(index!, signal);
        told = index;
      } catch (error) {
        signal.throwIfAborted();
        logger.debug({ reason: reasonOf(error) }, "cannot note that the store was restored");
        await clock.sleep(AGAIN_MS, signal);
      }
  }
}
