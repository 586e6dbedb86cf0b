import type { Effect } from "./core/cluster-model.ts";
import type { Departure } from "./core/departure.ts";
import type { EventToTell } from "./core/fleet-event.ts";
import type { MachineId } from "./core/machine-id.ts";
import type { LeadingMeans } from "./engine-means.ts";

type MachineEventsOptions = Pick<LeadingMeans, "me" | "feed" | "events" | "leads">;

/** More that happen while nobody leads are not told. */
const PENDING_MAX = 200;

const WENT: Readonly<Record<Departure, readonly [what: string, why: string]>> = {
  deleted: ["left", "its record was taken away"],
  expired: ["lost", "its record expired"],
  missing: ["lost", "its record was gone when the store was read again"],
};

/**
 * Tells which machines joined, left and were lost, whatever agents they have, and which engine leads. The leading one
 * tells; what happens while nobody leads, as when the leader itself is lost, the next one does.
 */
export class MachineEvents {
  readonly #options: MachineEventsOptions;
  #known: Set<MachineId> | undefined;
  #pending: EventToTell[] = [];

  constructor(options: MachineEventsOptions) {
    this.#options = options;
  }

  /** To be called with what changed, after the model has it. */
  hear(effects: readonly Effect[]): void {
    const { feed } = this.#options;
    if (!feed.isListed) return;
    this.#known ??= new Set(feed.model.machines.keys());
    for (const effect of effects) if (effect.kind === "machine") this.#hearOf(effect);
    this.#settle();
  }

  /** To be called when this machine's engine begins or ceases to lead. */
  leadershipChanged(): void {
    const { me, events, leads } = this.#options;
    events.tell({
      what: leads() ? "leads" : "follows",
      machine: me,
      who: this.#who,
      why: leads() ? "the engines' lease was free" : "it gave up or lost the engines' lease",
    });
    this.#settle();
  }

  get #who(): string {
    return `engine on ${this.#options.me}`;
  }

  #hearOf({ machine, gone }: Effect & { kind: "machine" }): void {
    const isPresent = this.#options.feed.model.machines.has(machine);
    if (isPresent === this.#known!.has(machine)) return;
    if (isPresent) this.#known!.add(machine);
    else this.#known!.delete(machine);
    const [what, why] = isPresent ? ["joined", "it has a record"] : WENT[gone ?? "missing"];
    if (this.#pending.length < PENDING_MAX)
      this.#pending.push({ what: what!, machine, who: this.#who, why: why! });
  }

  #settle(): void {
    const { me, feed, events, leads } = this.#options;
    const { lease, machines } = feed.model;
    const leader = lease?.value as MachineId | undefined;
    if (leads()) for (const event of this.#pending) events.tell(event);
    else if (leader === undefined || leader === me || !machines.has(leader)) return;
    this.#pending = [];
  }
}
