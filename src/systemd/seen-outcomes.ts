import {
  type ServiceOutcome,
  type ServiceProperties,
  serviceOutcome,
} from "#systemd/core/service-outcome.ts";

const OUTCOMES_MAX = 4096; // services whose end is remembered; the one that ended first is forgotten

/** How services ended, as signals told: systemd drops one that ended well from memory right after. */
export class SeenOutcomes {
  readonly #outcomes = new Map<string, ServiceOutcome>();

  of(unit: string): ServiceOutcome | undefined {
    return this.#outcomes.get(unit);
  }

  /** Takes what a PropertiesChanged of a service holds; one that tells of no end takes the place of an end before. */
  changed(unit: string, properties: ServiceProperties): void {
    if (!("Result" in properties)) return;
    const outcome = serviceOutcome(properties);
    this.#outcomes.delete(unit);
    if (outcome === undefined) return;
    this.#outcomes.set(unit, outcome);
    if (this.#outcomes.size <= OUTCOMES_MAX) return;
    const [oldest] = this.#outcomes.keys();
    this.#outcomes.delete(oldest!);
  }
}
