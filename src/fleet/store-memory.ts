import type { Clock } from "#base/clock.ts";
import { reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import type { StoreRecord, UnitFiles } from "./unit-files.ts";

export interface MemoryOptions {
  readonly feed: ClusterFeed;
  readonly files: UnitFiles;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How old what is remembered may be. */
const EVERY_MS = 10_000;

/**
 * Remembers beside the launched units how far the store was followed, so that a daemon that starts anew finds out when
 * the store was restored from an older backup meanwhile.
 */
export async function keepStoreMemory(options: MemoryOptions, signal: AbortSignal): Promise<void> {
  const { feed, files, clock, logger } = options;
  let written = "";
  for (;;) {
    await clock.sleep(EVERY_MS, signal);
    const record = feed.storeRecord();
    if (record === undefined || JSON.stringify(record) === written) continue;
    try {
      await files.writeStore(record);
      written = JSON.stringify(record);
    } catch (error) {
      signal.throwIfAborted();
      logger.warn({ reason: reasonOf(error) }, "cannot remember how far the store was followed");
    }
  }
}

/** Whether the store that was listed is not the one remembered, or is that at an earlier time. */
export function isRestored(
  remembered: StoreRecord,
  listed: { readonly index: number; readonly cluster: string },
): boolean {
  if (listed.index < remembered.index) return true;
  return (
    remembered.cluster !== "" && listed.cluster !== "" && remembered.cluster !== listed.cluster
  );
}
