import type { MachineId } from "./machine-id.ts";

/**
 * What asking a machine itself, beside the store, has come to: not known yet, alive, or silent. Times are the clock's
 * monotonic milliseconds.
 */
export type Suspicion =
  | { readonly state: "asking"; readonly sinceMs: number }
  /** It answers as the one that held the record, first to a question sent at `sinceMs`, last to one at `heardMs`. */
  | {
      readonly state: "alive";
      readonly address: string;
      readonly sinceMs: number;
      readonly heardMs: number;
    }
  /** It answers nobody; `sureSinceMs` is since when several asked and could tell, each time. */
  | { readonly state: "silent"; readonly sureSinceMs: number | undefined };

/** So many machines that ask in vain leave no doubt that it is the asked one which is away. */
const SIDES = 2;

export type SuspicionEvent =
  | { readonly type: "answered"; readonly address: string; readonly sentMs: number }
  | { readonly type: "unanswered"; readonly sides: number; readonly nowMs: number };

export interface SuspicionTimes {
  /** How long a machine that answered once may be silent before it counts as that: as long as its record lives. */
  readonly patienceMs: number;
  /** After this long without any outcome of asking, the store's word alone counts. */
  readonly askingMaxMs: number;
}

export function stepSuspicion(
  current: Suspicion,
  event: SuspicionEvent,
  { patienceMs }: SuspicionTimes,
): Suspicion {
  switch (event.type) {
    case "answered": {
      const { address, sentMs } = event;
      const sinceMs = current.state === "alive" ? current.sinceMs : sentMs;
      return { state: "alive", address, sinceMs, heardMs: sentMs };
    }
    case "unanswered": {
      if (current.state === "alive" && event.nowMs - current.heardMs < patienceMs) return current;
      if (event.sides < SIDES) return { state: "silent", sureSinceMs: undefined };
      const before = current.state === "silent" ? current.sureSinceMs : undefined;
      return { state: "silent", sureSinceMs: before ?? event.nowMs };
    }
    default:
      return event satisfies never;
  }
}

/** What is known of a machine without a record, beside that. */
export type Evidence = Suspicion | undefined;

/**
 * Machines whose record is gone and that are asked themselves. Only the engine that leads asks; to the others
 * everybody is as the store has it.
 */
export class Suspicions {
  readonly #times: SuspicionTimes;
  readonly #suspects = new Map<MachineId, Suspicion>();
  #isAsking = false;

  constructor(times: SuspicionTimes) {
    this.#times = times;
  }

  /** Whether this daemon asks. What it knew is forgotten when that begins or ends. */
  setAsking(isAsking: boolean): void {
    if (isAsking === this.#isAsking) return;
    this.#isAsking = isAsking;
    this.#suspects.clear();
  }

  get isAsking(): boolean {
    return this.#isAsking;
  }

  /** Begins to suspect a machine that can be asked, unless it is suspected already. */
  suspect(machine: MachineId, nowMs: number): void {
    if (this.#isAsking && !this.#suspects.has(machine))
      this.#suspects.set(machine, { state: "asking", sinceMs: nowMs });
  }

  /** Its record is there again, or nobody cares any more. */
  clear(machine: MachineId): void {
    this.#suspects.delete(machine);
  }

  /** Takes over what asking came to; gives whether anything is known now that was not before. */
  step(machine: MachineId, event: SuspicionEvent): boolean {
    const current = this.#suspects.get(machine);
    if (current === undefined) return false;
    const next = stepSuspicion(current, event, this.#times);
    this.#suspects.set(machine, next);
    return next.state !== current.state;
  }

  get(machine: MachineId): Suspicion | undefined {
    return this.#suspects.get(machine);
  }

  get machines(): Iterable<MachineId> {
    return this.#suspects.keys();
  }

  /** What counts about the machine now; an outcome that does not come is not waited for. */
  evidence(machine: MachineId, nowMs: number): Evidence {
    const suspicion = this.#suspects.get(machine);
    const isOverdue =
      suspicion?.state === "asking" && nowMs >= suspicion.sinceMs + this.#times.askingMaxMs;
    return isOverdue ? undefined : suspicion;
  }
}
