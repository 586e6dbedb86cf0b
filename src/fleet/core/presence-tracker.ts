import type { Departure } from "./departure.ts";
import type { MachineId } from "./machine-id.ts";

/** Machines whose units may be moved away, and those that look lost but are held, each with the reason. */
export interface Verdict {
  readonly lost: ReadonlyMap<MachineId, string>;
  readonly held: ReadonlyMap<MachineId, string>;
  /** When time alone may change the verdict. */
  readonly againAtMs: number | undefined;
}

export interface PresenceOptions {
  /** After this long without its record a machine is lost; the time to live of machine records. */
  readonly ttlMs: number;
  /** How long many machines lost together are held. */
  readonly holdMs: number;
}

/** A store that forgets several machines does so in one sweep; they are judged together once it is over. */
const SWEEP_MS = 500;

interface Absence {
  readonly sinceMs: number;
  readonly how: Departure;
}

/**
 * Tells lost machines from machines that merely cannot be seen. A machine is lost when its record was seen to
 * expire or to be deleted, or when the store was followed for a whole time to live without it. While the store
 * is away, and for a time to live after, nobody is lost: a store that stops for a while forgets everybody.
 *
 * When more than half of all machines, and at least two, vanish within `holdMs`, the store, the network or this side
 * of it is more likely broken than all of them. They are held: none counts as lost until it has been away for
 * `holdMs`, time for such a fault to heal and for machines to register again. A machine still away by then is lost,
 * also when the others are. Records that were deleted on purpose are never held.
 */
export class PresenceTracker {
  readonly #options: PresenceOptions;
  readonly #absent = new Map<MachineId, Absence>();
  #followingSinceMs: number | undefined;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** The store is followed from now on, and what was seen before no longer counts. */
  follow(nowMs: number): void {
    if (this.#followingSinceMs !== undefined) return;
    this.#followingSinceMs = nowMs;
    this.#absent.clear();
  }

  interrupt(): void {
    this.#followingSinceMs = undefined;
  }

  arrived(machine: MachineId): void {
    this.#absent.delete(machine);
  }

  departed(machine: MachineId, how: Departure, nowMs: number): void {
    this.#absent.set(machine, { sinceMs: nowMs, how });
  }

  /** `holders` are the machines that units are placed on, `present` those that have a record. */
  judge(
    holders: Iterable<MachineId>,
    present: { readonly size: number; has(machine: MachineId): boolean },
    nowMs: number,
  ): Verdict {
    const lost = new Map<MachineId, string>();
    const held = new Map<MachineId, string>();
    if (this.#followingSinceMs === undefined) return { lost, held, againAtMs: undefined };
    const away = [...holders].filter((machine) => !present.has(machine)).sort();
    const recent = this.#recentlyGone(away, nowMs);
    const all = present.size + recent;
    const many = recent >= 2 && recent > all / 2;
    const times: number[] = [];
    for (const machine of away) {
      const absence = this.#absence(machine);
      const dueMs = this.#dueMs(absence);
      const heldMs = many && absence.how !== "deleted" ? absence.sinceMs + this.#options.holdMs : 0;
      if (nowMs < dueMs) times.push(dueMs);
      else if (nowMs < heldMs) {
        times.push(heldMs);
        held.set(machine, heldReason(recent, all, Math.ceil((heldMs - nowMs) / 1000)));
      } else lost.set(machine, lostReason(absence.how));
    }
    return { lost, held, againAtMs: times.length === 0 ? undefined : Math.min(...times) };
  }

  /** When a machine counts as lost if nothing else speaks against it. */
  #dueMs({ how, sinceMs }: Absence): number {
    switch (how) {
      case "deleted":
        return sinceMs;
      case "expired":
        return sinceMs + SWEEP_MS;
      case "missing":
        return sinceMs + this.#options.ttlMs;
      default:
        return how satisfies never;
    }
  }

  /** How many machines went without being told to, not longer ago than `holdMs`. */
  #recentlyGone(away: readonly MachineId[], nowMs: number): number {
    const machines = new Set([...this.#absent.keys(), ...away]);
    return [...machines].filter((machine) => {
      const { sinceMs, how } = this.#absence(machine);
      return how !== "deleted" && nowMs - sinceMs < this.#options.holdMs;
    }).length;
  }

  #absence(machine: MachineId): Absence {
    return (
      this.#absent.get(machine) ?? { sinceMs: this.#followingSinceMs ?? 0, how: "missing" as const }
    );
  }
}

function lostReason(how: Departure): string {
  switch (how) {
    case "deleted":
      return "it left the cluster";
    case "expired":
      return "its record expired";
    case "missing":
      return "it has had no record for a whole time to live";
    default:
      return how satisfies never;
  }
}

function heldReason(lost: number, of: number, seconds: number): string {
  return `${lost} of ${of} machines vanished together; nothing moves for another ${seconds} s`;
}
