import type { SimulatedCluster } from "#fleet/simulated-cluster.ts";
import type { Ledger } from "./ledger.ts";
import type { RegistryHistory } from "./registry-history.ts";
import type { Violations } from "./trace.ts";

const IDLE = "a settled cluster writes nothing but heartbeats and the engines' lease";

/** Judges what is written while nothing happens to any unit. Heartbeats take an index, and are no events. */
export class IdleCheck {
  readonly #cluster: SimulatedCluster;
  readonly #ledger: Ledger;
  readonly #history: RegistryHistory;
  readonly #violations: Violations;
  #from: { readonly index: number; readonly units: string; readonly at: string } | undefined;

  constructor(cluster: SimulatedCluster, history: RegistryHistory, violations: Violations) {
    this.#cluster = cluster;
    this.#ledger = history.ledger;
    this.#history = history;
    this.#violations = violations;
  }

  /** All has been as it should be for a while. */
  begin(): void {
    const at = this.#cluster.clock.now().toISOString();
    this.#from = { index: this.#ledger.index, units: this.#units(), at };
  }

  /** It was so up to now. */
  end(): void {
    const from = this.#from;
    this.#from = undefined;
    // A process that ended is told of, and a deadline may pass.
    if (from === undefined || from.units !== this.#units() || this.#history.drains) return;
    for (let index = from.index + 1; index <= this.#ledger.index; index++) {
      const event = this.#ledger.events.get(index);
      if (event === undefined || event.node.key === this.#cluster.at.lease) continue;
      const { key, value = "" } = event.node;
      if (isOfBefore(key, from.at, this.#cluster.clock.now().toISOString())) continue;
      this.#violations.add(IDLE, `${event.action} ${key}`, value);
    }
  }

  /** What the systemds say of all units. */
  #units(): string {
    const lines = [...this.#cluster.machines].flatMap(({ name, systemd, files }) =>
      [...files.texts.keys()].map((path) => {
        const { activeState, subState } = systemd.status(path.slice(path.lastIndexOf("/") + 1));
        return `${name} ${path} ${activeState} ${subState}`;
      }),
    );
    return lines.sort().join("\n");
  }
}

/**
 * Events that were told while the store was away are kept once it is back: each key begins with the time, by a clock that
 * may have been wrong then. All are right in a calm: a time that is yet to come is of before, too.
 */
function isOfBefore(key: string, at: string, now: string): boolean {
  const [, name] = /-events\/(.*)$/.exec(key) ?? [];
  return name !== undefined && (name < at || name > now);
}
