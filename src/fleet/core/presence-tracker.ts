import type { Departure } from "./departure.ts";
import { ENGINE_LEASE } from "./leadership.ts";
import type { MachineId } from "./machine-id.ts";
import type { Evidence } from "./suspicion.ts";

/** Machines whose units may be moved away, and those that look lost but are held, each with the reason. */
export interface Verdict {
  readonly lost: ReadonlyMap<MachineId, string>;
  readonly held: ReadonlyMap<MachineId, string>;
  /** Those of the held ones that are alive, and merely cannot reach the store. */
  readonly cutOff: ReadonlySet<MachineId>;
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

/**
 * Longer than a store takes no writes when its leader dies, or tells of none when the engines' does; in a longer silence
 * the store itself may have been away unseen, behind a link that was dead all the same.
 */
const SILENCE_MS = ENGINE_LEASE.ttlMs + 2 * SWEEP_MS;

/** What is known of absent machines beside the store. */
export interface SecondPath {
  evidence(machine: MachineId, nowMs: number): Evidence;
  /** Until when an outcome of asking is waited for. */
  readonly askingMaxMs: number;
}

const NO_SECOND_PATH: SecondPath = { evidence: () => undefined, askingMaxMs: 0 };

interface Present {
  readonly size: number;
  has(machine: MachineId): boolean;
}

/** Many that went at once. */
interface Mass {
  readonly what: string;
  /** When time alone may make them fewer. */
  readonly againMs: readonly number[];
}

/** Since when a machine has no record, by the monotonic clock, and how that went. */
export interface Absence {
  readonly sinceMs: number;
  readonly how: Departure;
}

/**
 * Tells lost machines from machines that merely cannot be seen. A machine is lost when its record was seen to
 * expire or to be deleted, or when the store was followed for a whole time to live without it. While the store
 * is away, and for a time to live after, nobody is lost: a store that stops for a while forgets everybody.
 *
 * A machine that can be asked beside the store is lost only when nobody got an answer there either. One that answers
 * has lost the store and nothing else: it is held for as long as it does.
 *
 * When more than half of all machines, and at least two, vanish within a time to live of each other, the store, the
 * network or this side of it is more likely broken than all of them. They are held: none counts as lost until it has
 * been away for `holdMs`, time for such a fault to heal and for machines to register again. A machine still away then is
 * lost, also when the others are. That others are back or answer frees this one sooner only when, for a whole time to
 * live since, at least two machines asked it in vain: a fault does not heal for all at the same moment, and what was not
 * heard before it did says nothing. Such others do not count among the many then. Records that were deleted on purpose
 * are never held.
 */
export class PresenceTracker {
  readonly #options: PresenceOptions;
  /** How each machine went last, also of those that are back since. */
  readonly #gone = new Map<MachineId, Absence>();
  /** Since when those of them are back that are. */
  readonly #backMs = new Map<MachineId, number>();
  #followingSinceMs: number | undefined;
  /** When the store last told of something, or took something, while it was followed. */
  #heardMs = 0;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /**
   * The store is followed from now on. What was seen before counts no longer, but that machines vanished a while ago: those
   * that are away still went together, whatever became of the store meanwhile.
   */
  follow(nowMs: number): void {
    if (this.#followingSinceMs !== undefined) return;
    this.#followingSinceMs = this.#heardMs = nowMs;
    const sinceMs = nowMs - this.#options.holdMs;
    for (const [machine, absence] of this.#gone)
      if (absence.how === "deleted" || this.#backMs.has(machine) || absence.sinceMs <= sinceMs)
        this.#gone.delete(machine);
      else this.#gone.set(machine, { sinceMs: nowMs, how: "missing" });
    this.#backMs.clear();
  }

  /** The store told of something, or took a write. After too long a silence it is followed only from now on. */
  heard(nowMs: number): void {
    const silentMs = nowMs - this.#heardMs;
    this.#heardMs = nowMs;
    if (this.#followingSinceMs === undefined || silentMs <= SILENCE_MS) return;
    this.interrupt();
    this.follow(nowMs);
  }

  interrupt(): void {
    this.#followingSinceMs = undefined;
  }

  departed(machine: MachineId, how: Departure, nowMs: number): void {
    this.#gone.set(machine, { sinceMs: nowMs, how });
    this.#backMs.delete(machine);
  }

  /** It has a record, be it a new one or not. */
  returned(machine: MachineId, nowMs: number): void {
    if (this.#gone.has(machine) && !this.#backMs.has(machine)) this.#backMs.set(machine, nowMs);
  }

  /** How a machine went that has no record; undefined while the store is not followed. */
  absence(machine: MachineId): Absence | undefined {
    return this.#followingSinceMs === undefined ? undefined : this.#absence(machine);
  }

  /** Those of the machines that have no record, and did not give it up. */
  absent(machines: Iterable<MachineId>, present: Present): MachineId[] {
    if (this.#followingSinceMs === undefined) return [];
    return [...machines].filter(
      (machine) => !present.has(machine) && this.#absence(machine).how !== "deleted",
    );
  }

  /**
   * `holders` are the machines that units are placed on, `present` those that have a record, and `stayed` those that did not
   * leave as far as anything is on record of them, present or not.
   */
  judge(
    holders: Iterable<MachineId>,
    present: Present,
    nowMs: number,
    second: SecondPath = NO_SECOND_PATH,
    stayed: Iterable<MachineId> = [],
  ): Verdict {
    // Who is missing since this began to follow may have gone just before, with others.
    const missing = [...stayed].filter((machine) => !present.has(machine));
    const lost = new Map<MachineId, string>();
    const held = new Map<MachineId, string>();
    const cutOff = new Set<MachineId>();
    if (this.#followingSinceMs === undefined) return { lost, held, cutOff, againAtMs: undefined };
    const times: number[] = [];
    for (const machine of [...holders].filter((holder) => !present.has(holder)).sort()) {
      const absence = this.#absence(machine);
      const evidence = absence.how === "deleted" ? undefined : second.evidence(machine, nowMs);
      const dueMs = this.#dueMs(absence, this.#followingSinceMs);
      const mass = this.#massOf(machine, missing, present, nowMs, (other) =>
        second.evidence(other, nowMs),
      );
      const heldMs = absence.sinceMs + this.#options.holdMs;
      if (evidence?.state === "alive") {
        cutOff.add(machine);
        held.set(machine, aliveReason(machine, evidence.address));
      } else if (evidence?.state === "asking") times.push(evidence.sinceMs + second.askingMaxMs);
      else if (nowMs < dueMs) times.push(dueMs);
      else if (mass !== undefined && nowMs < heldMs) {
        times.push(heldMs, ...mass.againMs);
        held.set(
          machine,
          `${mass.what}; nothing moves for another ${Math.ceil((heldMs - nowMs) / 1000)} s`,
        );
      } else lost.set(machine, lostReason(absence.how, evidence));
    }
    return { lost, held, cutOff, againAtMs: times.length === 0 ? undefined : Math.min(...times) };
  }

  /** When a machine counts as lost if nothing else speaks against it. */
  #dueMs({ how, sinceMs }: Absence, followingSinceMs: number): number {
    switch (how) {
      case "deleted":
        return sinceMs;
      case "expired":
        return Math.max(sinceMs + SWEEP_MS, followingSinceMs + this.#options.ttlMs);
      case "missing":
        return sinceMs + this.#options.ttlMs;
      default:
        return how satisfies never;
    }
  }

  /** The loss of many at once that this machine's is a part of; undefined when it went by itself. */
  #massOf(
    machine: MachineId,
    missing: readonly MachineId[],
    present: Present,
    nowMs: number,
    evidence: (machine: MachineId) => Evidence,
  ): Mass | undefined {
    const { how, sinceMs } = this.#absence(machine);
    if (how === "deleted") return undefined;
    const vanished = [...new Set([machine, ...this.#gone.keys(), ...missing])].filter((other) => {
      const gone = this.#absence(other);
      return gone.how !== "deleted" && Math.abs(gone.sinceMs - sinceMs) <= this.#options.ttlMs;
    });
    const own = evidence(machine);
    const sureSinceMs = own?.state === "silent" ? own.sureSinceMs : undefined;
    /** Until when the other one counts, if this one answers nobody. */
    const countsUntilMs = (other: MachineId) =>
      Math.max(
        sureSinceMs ?? Number.POSITIVE_INFINITY,
        this.#wellSinceMs(other, present, evidence(other)),
      ) + this.#options.ttlMs;
    const together = vanished.map(countsUntilMs).filter((atMs) => atMs > nowMs);
    const all = present.size + vanished.filter((other) => !present.has(other)).length;
    const isMass = together.length >= 2 && together.length > all / 2;
    return isMass
      ? {
          what: `${together.length} of ${all} machines vanished together`,
          againMs: together.filter(Number.isFinite),
        }
      : undefined;
  }

  /** Since when it is known that a machine that vanished is well all the same. */
  #wellSinceMs(machine: MachineId, present: Present, evidence: Evidence): number {
    const never = Number.POSITIVE_INFINITY;
    if (present.has(machine)) return this.#backMs.get(machine) ?? never;
    return evidence?.state === "alive" ? evidence.sinceMs : never;
  }

  #absence(machine: MachineId): Absence {
    return (
      this.#gone.get(machine) ?? { sinceMs: this.#followingSinceMs ?? 0, how: "missing" as const }
    );
  }
}

export function aliveReason(machine: MachineId, address: string): string {
  return `machine ${machine} is alive at ${address} but cannot reach the store; its units stay`;
}

function lostReason(how: Departure, evidence: Evidence): string {
  const asked = evidence?.state === "silent" ? ", and it does not answer" : "";
  switch (how) {
    case "deleted":
      return "it left the cluster";
    case "expired":
      return `its record expired${asked}`;
    case "missing":
      return `it has had no record for a whole time to live${asked}`;
    default:
      return how satisfies never;
  }
}
