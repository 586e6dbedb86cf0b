import { causeOfMove } from "./causes.ts";
import type { FitOracle, Placement } from "./fit-oracle.ts";
import type { LostCheck } from "./lost-check.ts";
import type { RegistryHistory } from "./registry-history.ts";
import type { Violations } from "./trace.ts";
import { isTemplate } from "./unit-spec.ts";

/** A write of a unit's target as an engine sent it. */
export interface TargetWrite {
  readonly unit: string;
  /** Undefined: the target is taken away. */
  readonly to: string | undefined;
  /** What the write says must be there: a value, nothing (null), the state at an index; undefined when it says nothing. */
  readonly over: string | number | null | undefined;
}

interface Batch {
  readonly engine: string;
  readonly atMs: number;
  /** The index that the engine's model was at. */
  readonly index: number;
  readonly writes: TargetWrite[];
}

/** Longer than any request takes. */
const TOLD_WITHIN_MS = 6_000;

const HARD = "7 no target against a hard constraint";
const CAUSE = "8 no move without a cause";
const SWAP = "a target changes only by compare-and-swap";

/** Judges what engines decide: each plan by what its engine knew when it sent the writes, all of them together. */
export class PlacementCheck {
  readonly #history: RegistryHistory;
  readonly #oracle: FitOracle;
  readonly #violations: Violations;
  readonly #lost: LostCheck;
  #batch: Batch | undefined;
  /** Writes whose reason was not logged yet, by engine and unit, and when they were sent. */
  readonly #untold = new Map<string, number>();

  constructor(
    history: RegistryHistory,
    oracle: FitOracle,
    lost: LostCheck,
    violations: Violations,
  ) {
    this.#history = history;
    this.#oracle = oracle;
    this.#lost = lost;
    this.#violations = violations;
  }

  sent(engine: string, atMs: number, index: number, write: TargetWrite): void {
    // What has no job is cleared away without a plan.
    if (this.#history.job(write.unit, index) !== undefined)
      this.#untold.set(`${engine} ${write.unit}`, atMs);
    const batch = this.#batch;
    if (batch?.engine === engine && batch.atMs === atMs) batch.writes.push(write);
    else {
      this.flush();
      this.#batch = { engine, atMs, index, writes: [write] };
    }
  }

  /** An engine logged what it did, or could not do, about a unit, and why. */
  told(engine: string, unit: string, reason: string): void {
    if (reason !== "") this.refused(engine, unit);
  }

  refused(engine: string, unit: string): void {
    this.#untold.delete(`${engine} ${unit}`);
  }

  /** The engine's daemon ended, with all that it was about to log. */
  ended(engine: string): void {
    // What the rest of its last plan would have been is not known.
    if (this.#batch?.engine === engine) this.#batch = undefined;
    for (const key of this.#untold.keys()) if (key.startsWith(engine)) this.#untold.delete(key);
  }

  /** To be called when all is quiet. */
  checkTold(nowMs: number): void {
    for (const [key, atMs] of this.#untold)
      if (nowMs - atMs > TOLD_WITHIN_MS)
        this.#violations.add(CAUSE, key, "a target was written and no reason logged");
  }

  /** To be called once no more writes of the newest plan can come. */
  flush(): void {
    const batch = this.#batch;
    this.#batch = undefined;
    if (batch === undefined) return;
    const before = this.#oracle.placement(batch.index);
    const after = new Map(before);
    for (const { unit, to } of batch.writes)
      if (to === undefined) after.delete(unit);
      else after.set(unit, to);
    for (const write of batch.writes) this.#judge(batch, write, before, after);
  }

  #judge(batch: Batch, write: TargetWrite, before: Placement, after: Placement): void {
    const { unit, to, over } = write;
    const { index } = batch;
    const from = before.get(unit);
    const job = this.#history.job(unit, index);
    const subject = `${unit} from ${from ?? "nowhere"} to ${to ?? "nowhere"}`;
    const tell = (invariant: string, what: string) =>
      this.#violations.add(invariant, subject, `${what}; ${batch.engine} saw index ${index}`);
    if (over === undefined) tell(SWAP, "written whatever was there");
    else if (typeof over !== "number" && (over ?? undefined) !== this.#history.target(unit, index))
      tell(SWAP, `written over ${over ?? "nothing"}`);
    if (job === undefined) {
      if (to !== undefined) tell(HARD, "there is no such job");
      return;
    }
    const { spec, desired } = job;
    if (spec === undefined) return tell(HARD, "its unit file is not on record");
    const isOut = desired !== "loaded" && desired !== "launched";
    const isNever = isOut || spec.global || isTemplate(unit);
    if (to !== undefined) {
      const misfit = isNever ? "never placed" : this.#oracle.misfitToCome(spec, to, index, after);
      if (misfit !== undefined) tell(HARD, misfit);
      else if (this.#oracle.lacksMemory(spec, to, index, after)) tell(HARD, "it lacks memory");
      const stay = this.#oracle.replacedBy(spec, to, index, after);
      if (stay.length > 0) tell(HARD, `it replaces ${stay.join(", ")} there`);
    }
    if (from === undefined || isNever) return;
    const [history, oracle] = [this.#history, this.#oracle];
    const cause = causeOfMove({ history, oracle, spec, from, to, index, before, after });
    const isLeased = spec.leased !== undefined;
    this.#lost.takes({ ...batch, unit, isLeased, machine: from });
    if (cause === undefined) tell(CAUSE, "it may stay where it is");
    else if (to === undefined) this.#judgeHomeless(spec.name, batch, after, tell);
  }

  /** A unit is left without a machine only if none fits. */
  #judgeHomeless(
    unit: string,
    { index }: Batch,
    after: Placement,
    tell: (invariant: string, what: string) => void,
  ): void {
    const spec = this.#history.job(unit, index)?.spec;
    if (spec === undefined) return;
    const free = this.#history
      .machines(index)
      .find(
        (machine) =>
          this.#oracle.misfitToCome(spec, machine, index, after) === undefined &&
          !this.#oracle.lacksMemory(spec, machine, index, after),
      );
    if (free !== undefined && spec.replaces.length === 0) tell(CAUSE, `it fits on ${free}`);
  }
}
