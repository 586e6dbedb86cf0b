import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "#base/clock.ts";
import type { Logger } from "#base/logger.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import type { ApiExec } from "./core/fleet-config.ts";
import type { MachineId } from "./core/machine-id.ts";
import type { EventHistory } from "./event-history.ts";
import type { EventLog } from "./event-log.ts";
import type { LivenessDesk } from "./liveness-desk.ts";
import type { MachineConsole } from "./machine-console.ts";
import type { OriginalRestarts } from "./original-restarts.ts";
import type { Registry } from "./registry.ts";
import type { UnitConsole } from "./unit-console.ts";

/** What the API answers from. */
export interface ApiContext {
  readonly me: MachineId;
  readonly feed: ClusterFeed;
  readonly registry: Registry;
  readonly events: EventLog;
  readonly history: EventHistory;
  /** Answers a scrape, in Prometheus' format. */
  readonly metrics: () => string;
  readonly liveness: LivenessDesk;
  readonly console: UnitConsole;
  readonly machineConsole: MachineConsole;
  /** For whom commands are run here. */
  readonly apiExec: ApiExec;
  /** Makes this machine leave the cluster. */
  readonly leave: (signal: AbortSignal) => Promise<void>;
  /** Entries of a page, unless the client asks otherwise. */
  readonly pageSize: number;
  /** Of clients of the original. */
  readonly restarts: OriginalRestarts;
  /** Sent as `Server`. */
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** Aborts when the client goes away or the server closes. */
  readonly signal: AbortSignal;
}
