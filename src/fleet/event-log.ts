import type { EventToTell } from "./core/fleet-event.ts";

/** Where daemons tell what they did to the cluster and why. */
export interface EventLog {
  /** Never throws and never waits: an event that cannot be kept does not keep anybody from acting. */
  tell(event: EventToTell): void;
}
