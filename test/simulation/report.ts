import type { Bite } from "#fleet/simulated-bite.ts";
import type { FaultKind } from "./fault-kinds.ts";

/** What a run came to. */
export interface Report {
  readonly seed: number;
  readonly violations: readonly string[];
  /** Equal for two runs of one seed. */
  readonly hash: string;
  readonly simulatedMs: number;
  readonly operations: number;
  /** How often each kind of fault was begun. */
  readonly faults: ReadonlyMap<FaultKind, number>;
  /** How often faults did something to somebody. */
  readonly bites: ReadonlyMap<Bite, number>;
  readonly events: number;
  /** How long after its faults it took to settle, at most. */
  readonly settledMs: number;
}
