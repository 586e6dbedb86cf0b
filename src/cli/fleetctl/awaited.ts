/** What `fleetctl wait --for` can wait for, whoever brings it about. */
export const AWAITED = [
  "active",
  "failed",
  "gone",
  "healthy",
  "inactive",
  "launched",
  "placed",
] as const;
export type AwaitedState = (typeof AWAITED)[number];
export interface Awaited {
  readonly awaited: AwaitedState;
}
