import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { reasonOf } from "#base/fault.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import type { MachineId } from "./core/machine-id.ts";
import type { Liveness, MachineProbe, ProbeQuestion } from "./machine-probe.ts";

export interface DeskOptions {
  readonly me: MachineId;
  /** Which boot of this machine it is. */
  readonly instance: string;
  readonly feed: ClusterFeed;
  readonly probe: MachineProbe;
  readonly clock: Clock;
}

/** How long a machine that is asked for another may take; less than that one waits. */
const BEHALF_MS = 800;

/** Answers who asks whether a machine is alive: for this one at once, whatever the store does, for others by asking there. */
export class LivenessDesk {
  readonly #options: DeskOptions;

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  async answer({ machine, who }: ProbeQuestion, signal: AbortSignal): Promise<Liveness> {
    const { me, instance, feed, probe, clock } = this.#options;
    if (machine === me) return { alive: true, instance, trouble: feed.trouble() ?? "" };
    if (who === "itself") return { alive: false, reason: `this is machine ${me}` };
    const api = feed.model.api(machine);
    if (api === undefined)
      return { alive: false, reason: `machine ${machine} tells no address of its fleet API` };
    const limit = { ms: BEHALF_MS, clock, what: `ask machine ${machine} at ${api}`, signal };
    try {
      return await withDeadline(limit, (stop) => probe.ask(api, { machine, who: "itself" }, stop));
    } catch (error) {
      signal.throwIfAborted();
      return { alive: false, reason: reasonOf(error) };
    }
  }
}
