import { exponentialBounds, Histogram } from "#base/prometheus.ts";
import { isDone, type Outcome } from "#keys/core/outcome.ts";
import { newStoreStats, type StoreStats } from "#keys/core/store-stats.ts";

/** What a server has done since it started, replaying its log included, as etcd counts. */
export class ServerCounts {
  /** The store's own statistics that came with a snapshot, to be subtracted. */
  before: Readonly<StoreStats> = newStoreStats();
  recursiveReads = 0;
  recursiveReadsFailed = 0;
  watchRequests = 0;
  failedProposals = 0;
  readonly snapshotSeconds = new Histogram(exponentialBounds(0.001, 2, 14)); // etcd's

  recursiveRead(outcome: Outcome | undefined): void {
    if (outcome !== undefined && isDone(outcome)) this.recursiveReads += 1;
    else this.recursiveReadsFailed += 1;
  }
}
