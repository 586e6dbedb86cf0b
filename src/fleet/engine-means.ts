import type { Clock } from "#base/clock.ts";
import type { Logger } from "#base/logger.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import type { MachineId } from "./core/machine-id.ts";
import type { EventLog } from "./event-log.ts";
import type { Registry } from "./registry.ts";

/** What each part of an engine sees the cluster by, changes it by and tells of that. */
export interface EngineMeans {
  /** The machine that the engine runs on. */
  readonly me: MachineId;
  readonly feed: ClusterFeed;
  readonly registry: Registry;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Of a part that runs by itself, and does something only while this machine's engine leads. */
export interface LeadingMeans extends EngineMeans {
  readonly leads: () => boolean;
}
