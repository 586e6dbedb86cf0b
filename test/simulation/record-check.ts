import type { SimulatedCluster, SimulatedMachine } from "#fleet/simulated-cluster.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import type { Violations } from "./trace.ts";

const ALONE = "one engine leads at a time";
const SPEAKS = "6 a machine speaks only once it is registered";
const LEAVES = "6 a machine leaves only when nothing runs there";

/** Judges what machines say of themselves in the store: who leads, who is there, and for whom it speaks. */
export class RecordCheck {
  readonly #cluster: SimulatedCluster;
  readonly #faults: { readonly leaseLostUntilMs: number };
  readonly #violations: Violations;

  constructor(
    cluster: SimulatedCluster,
    faults: { readonly leaseLostUntilMs: number },
    violations: Violations,
  ) {
    this.#cluster = cluster;
    this.#faults = faults;
    this.#violations = violations;
  }

  /** To be called now and then. */
  look(): void {
    const leaders = this.#leaders();
    if (leaders.length > 1) this.#tellAlone(leaders, "both lead");
  }

  /** What an event means at the moment it is durable, before anybody hears of it. */
  told({ action, node: { key, value } }: KeyEvent): void {
    if (action === "delete") this.#removed(key);
    if (key !== this.#cluster.at.lease || value === undefined) return;
    const others = this.#leaders().filter(({ id }) => !value.includes(id));
    if (others.length > 0) this.#tellAlone(others, "another has the lease");
  }

  /** A daemon is about to write a key. */
  writes({ name, id, daemon }: SimulatedMachine, key: string): void {
    const ofStates = `${this.#cluster.at.prefix}/states/`;
    if (key.startsWith(ofStates) && key.endsWith(id) && daemon?.isRegistered !== true)
      this.#violations.add(SPEAKS, name, `writes ${key}`);
  }

  #removed(key: string): void {
    for (const { name, id, systemd } of this.#cluster.machines) {
      const running = systemd.running();
      if (key === this.#cluster.at.machine(id, "object") && running.length > 0)
        this.#violations.add(LEAVES, name, running.join(", "));
    }
  }

  #leaders(): SimulatedMachine[] {
    return [...this.#cluster.machines].filter(({ daemon }) => daemon?.leads === true);
  }

  #tellAlone(leaders: readonly SimulatedMachine[], how: string): void {
    if (this.#cluster.clock.monotonicMs() > this.#faults.leaseLostUntilMs)
      this.#violations.add(ALONE, leaders.map(({ name }) => name).join(" and "), how);
  }
}
