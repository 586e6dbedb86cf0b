/** Whether whoever asks a machine gets an answer, as far as the machine and its way to the others go. */
export type Reach = "never" | "maybe" | "surely";

interface Stretch {
  readonly reach: Reach;
  readonly fromMs: number;
  untilMs: number;
}

/** Longer than many machines lost together are held. */
const KEPT_MS = 70_000;

/** Remembers for a while when each machine could be asked. */
export class Reachability {
  readonly #stretches = new Map<string, Stretch[]>();

  add(machine: string, reach: Reach, nowMs: number): void {
    const known = this.#stretches.get(machine) ?? [];
    const last = known.at(-1);
    if (last !== undefined) last.untilMs = nowMs;
    if (last?.reach === reach) return;
    known.push({ reach, fromMs: nowMs, untilMs: nowMs });
    const kept = known.filter(({ untilMs }) => untilMs > nowMs - KEPT_MS);
    this.#stretches.set(machine, kept);
  }

  /** Whether it was so for so long without a break, all of it after `fromMs`. */
  isFor(machine: string, reach: Reach, lastsMs: number, fromMs: number): boolean {
    return this.#of(machine, reach).some(
      (stretch) => stretch.untilMs - Math.max(stretch.fromMs, fromMs) >= lastsMs,
    );
  }

  /** Whether it was so, or better, at a moment between these. */
  wasBetween(machine: string, reach: Reach, fromMs: number, untilMs: number): boolean {
    return this.#of(machine, reach).some(
      (stretch) => stretch.fromMs <= untilMs && stretch.untilMs >= fromMs,
    );
  }

  #of(machine: string, least: Reach): Stretch[] {
    const order: Reach[] = ["never", "maybe", "surely"];
    const known = this.#stretches.get(machine) ?? [];
    return known.filter(({ reach }) => order.indexOf(reach) >= order.indexOf(least));
  }
}
