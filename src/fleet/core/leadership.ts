/**
 * Whether this engine leads. The lease ends in the store one time to live after the renewal got there; counted from
 * when the renewal was sent and less a margin, an engine stops leading before any other can begin.
 */
export type Leadership =
  | { readonly state: "follower" }
  | {
      readonly state: "leader";
      /** The index of the lease, which the next renewal has to match. */
      readonly index: number;
      readonly renewAtMs: number;
      readonly endsMs: number;
    };

export type LeadershipEvent =
  /** The lease was got or renewed by a request sent at `sentMs`. */
  | { readonly type: "granted"; readonly index: number; readonly sentMs: number }
  /** The store says that the lease is somebody else's or nobody's. */
  | { readonly type: "refused" }
  | { readonly type: "tick"; readonly nowMs: number };

export interface LeaseTimes {
  /** The lease's time to live in the store. */
  readonly ttlMs: number;
  readonly renewMs: number;
  /** How long before the end this engine stops. */
  readonly marginMs: number;
}

/** The lease of fleet's engine: found free within a TTL of the leader's death, renewed three times in it. */
export const ENGINE_LEASE: LeaseTimes = { ttlMs: 5_000, renewMs: 1_500, marginMs: 500 };

export const FOLLOWER: Leadership = { state: "follower" };

export function stepLeadership(
  current: Leadership,
  event: LeadershipEvent,
  times: LeaseTimes,
): Leadership {
  switch (event.type) {
    case "granted":
      return {
        state: "leader",
        index: event.index,
        renewAtMs: event.sentMs + times.renewMs,
        endsMs: event.sentMs + times.ttlMs - times.marginMs,
      };
    case "refused":
      return FOLLOWER;
    case "tick":
      return leads(current, event.nowMs) ? current : FOLLOWER;
    default:
      return event satisfies never;
  }
}

export function leads(leadership: Leadership, nowMs: number): boolean {
  return leadership.state === "leader" && nowMs < leadership.endsMs;
}
