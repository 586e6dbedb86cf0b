import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import type { Effect } from "./core/cluster-model.ts";
import { orderSteps } from "./core/order-steps.ts";
import type { LoadedUnit, Step } from "./core/reconcile.ts";
import type { MachineRecord } from "./core/records.ts";

/** Holds starts on this machine back until the units that come first serve, and knows what is waited for. */
export class StartOrder {
  readonly #feed: ClusterFeed;
  #awaited: ReadonlySet<UnitName> = new Set();

  constructor(feed: ClusterFeed) {
    this.#feed = feed;
  }

  /** What of `steps` may be done now, and the stops of what may not run any more. */
  order(
    steps: readonly Step[],
    me: MachineRecord,
    loaded: ReadonlyMap<UnitName, LoadedUnit>,
  ): readonly Step[] {
    const { model, restored } = this.#feed;
    const ordered = orderSteps(model, me, steps, loaded, (key) => !restored.isOld(key));
    const turns = [...ordered.waits.values()];
    this.#awaited = new Set(turns.flatMap((turn) => (turn.kind === "waits" ? turn.for : [])));
    return ordered.steps;
  }

  /** Whether a change may end a wait: of what is waited for, or of the machines that it is to run on. */
  concerns(effect: Effect): boolean {
    if (effect.kind === "state") return this.#awaited.has(effect.unit);
    return effect.kind === "machine" && this.#awaited.size > 0;
  }
}
