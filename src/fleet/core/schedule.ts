import type { UnitName } from "#unitfile/core/unit-name.ts";
import { byTurn } from "./arrival-order.ts";
import { Board } from "./board.ts";
import type { ClusterModel, Job } from "./cluster-model.ts";
import { HealthMoves } from "./health-moves.ts";
import { machineMisfitInPlace } from "./heed-restored.ts";
import type { MachineId } from "./machine-id.ts";
import { overdueMisfit } from "./machine-state.ts";
import { describeMisfit, isWantedMachine, type Misfit } from "./misfit.ts";
import { NameIndex } from "./name-index.ts";
import type { MachineRecord } from "./records.ts";
import { isLeased } from "./stop-bound.ts";
import type { Unit } from "./unit.ts";
import { isPeerGlob, peerGlob } from "./unit-index.ts";
import type { Displaced, UnitsApart } from "./units-apart.ts";

/** What the engine decided about one unit. `reason` is shown to operators as it is. */
export type Decision =
  | {
      readonly kind: "place";
      readonly unit: UnitName;
      readonly to: MachineId;
      readonly reason: string;
    }
  | {
      readonly kind: "move";
      readonly unit: UnitName;
      readonly from: MachineId;
      readonly to: MachineId;
      readonly reason: string;
      /** Why it is not to come back to `from` soon, if it is not. */
      readonly avoid?: string;
    }
  | {
      readonly kind: "unplace";
      readonly unit: UnitName;
      readonly from: MachineId;
      readonly reason: string;
    }
  /** It should run and cannot; a placement on a lost machine is kept until there is a better one. */
  | { readonly kind: "wait"; readonly unit: UnitName; readonly reason: string };

/** Which machines are gone for good, with the reason; machines neither here nor present are waited for. */
export type LostMachines = ReadonlyMap<MachineId, string>;

/**
 * Decides where units run. Only units in `focus` are looked at, and those that have to move because of them.
 * The same cluster gives the same decisions in the same order, in whatever order it came to be; carrying them out
 * leaves nothing to decide but waiting.
 */
export function schedule(
  model: ClusterModel,
  lost: LostMachines,
  focus: Iterable<UnitName> | "all",
  apart: UnitsApart = {},
): Decision[] {
  return new Planner(model, lost, apart).plan(focus);
}

/** A unit that needs a machine. */
interface Pending {
  readonly unit: Unit;
  readonly from: MachineId | undefined;
  readonly reason: string;
  /** Its health asks for another machine; without one it stays. */
  readonly isIll?: boolean;
}

const NO_OTHER = "no other machine fits";

class Planner {
  readonly #model: ClusterModel;
  readonly #lost: LostMachines;
  readonly #displaced: ReadonlyMap<UnitName, Displaced>;
  readonly #waits: ReadonlyMap<UnitName, string>;
  readonly #cutOff: ReadonlySet<MachineId>;
  readonly #board: Board;
  readonly #health: HealthMoves;
  readonly #pending = new Map<UnitName, Pending>();
  readonly #settled = new Set<UnitName>();
  readonly #decisions: Decision[] = [];
  /** What found no machine so far. */
  readonly #waiting = new Map<UnitName, Pending>();
  #names: NameIndex | undefined;

  constructor(model: ClusterModel, lost: LostMachines, apart: UnitsApart) {
    const { displaced = new Map(), waits = new Map(), cutOff = new Set() } = apart;
    this.#model = model;
    this.#lost = lost;
    this.#displaced = displaced;
    this.#waits = waits;
    this.#cutOff = cutOff;
    this.#board = new Board(model);
    this.#health = new HealthMoves(model);
  }

  plan(focus: Iterable<UnitName> | "all"): Decision[] {
    const names = focus === "all" ? [...this.#model.jobs.keys()] : [...new Set(focus)];
    for (const name of names.sort()) this.#review(name);
    // Placing one unit may unsettle others, so what is pending is read again each time.
    do
      for (let next = this.#next(); next !== undefined; next = this.#next())
        for (const pending of next) this.#place(pending);
    while (this.#placesWaiting());
    return this.#decisions;
  }

  /** Whether a unit that found no machine has one since its peer has; it is placed. */
  #placesWaiting(): boolean {
    const followers = [...this.#waiting.values()].filter(
      (one) => one.unit.wants.machineOf.length > 0,
    );
    for (const pending of followers.sort((a, b) => byTurn(a.unit, b.unit))) {
      const to = this.#choose(pending.unit, pending.from);
      if (to === undefined) continue;
      this.#waiting.delete(pending.unit.name);
      this.#decisions.splice(
        this.#decisions.findIndex(({ unit }) => unit === pending.unit.name),
        1,
      );
      this.#settle(pending, to);
      return true;
    }
    return false;
  }

  #next(): Pending[] | undefined {
    const open = [...this.#pending.values()].filter(({ unit }) => !this.#settled.has(unit.name));
    if (open.length === 0) return undefined;
    return open.sort((a, b) => byTurn(a.unit, b.unit));
  }

  /** Whether the unit may stay where it is, and if not, what becomes of it. */
  #review(name: UnitName): void {
    const job = this.#model.jobs.get(name);
    if (job?.target !== undefined && this.#model.isDestroyed(name))
      this.#clear(name, job.target.value);
    if (job?.unit === undefined || job.desired === undefined || job.targetUnreadable) return;
    const { unit } = job;
    const from = this.#board.where(name);
    if (this.#settled.has(name) || this.#pending.has(name)) return;
    if (from === undefined) {
      if (job.desired !== "inactive" && !unit.isTemplate && !unit.wants.global)
        this.#want({ unit, from: undefined, reason: `desired state is ${job.desired}` });
      return;
    }
    const never = neverPlaced(job);
    if (never !== undefined) this.#unplace(unit, from, never);
    else this.#reviewPlaced(unit, from);
  }

  /** An engine that did not yet know of it placed a unit that was destroyed: the next of its name must not inherit that. */
  #clear(unit: UnitName, from: MachineId): void {
    this.#decisions.push({ kind: "unplace", unit, from, reason: "unit was destroyed" });
  }

  #reviewPlaced(unit: Unit, from: MachineId): void {
    const lost = this.#lost.get(from) ?? this.#whyLeaseIsOver(unit, from);
    const machine = this.#model.machines.get(from);
    if (lost !== undefined && machine === undefined) {
      const wait = this.#waits.get(unit.name);
      if (wait !== undefined) {
        this.#decisions.push({ kind: "wait", unit: unit.name, reason: wait });
        return;
      }
      this.#want({ unit, from, reason: `machine ${from} is lost: ${lost}` });
      return;
    }
    // A machine that cannot be seen at the moment keeps its units.
    if (machine === undefined) return;
    const misfit = this.#misfitInPlace(unit, machine);
    const reason = misfit ? describeMisfit(misfit) : this.#displaced.get(unit.name)?.reason;
    if (reason !== undefined) this.#want({ unit, from, reason });
    else this.#reviewHealth(unit, from);
  }

  #reviewHealth(unit: Unit, from: MachineId): void {
    const reason = this.#health.why(unit, from);
    if (reason === undefined) return;
    const hold = this.#health.hold(unit.name);
    // A machine that takes no more units would not have it back, so it is taken off only when another one will do.
    const to = () => this.#board.without(unit.name, () => this.#choose(unit, from));
    const stays = hold !== undefined ? `held: ${hold}` : to() === undefined ? NO_OTHER : undefined;
    if (stays === undefined) this.#want({ unit, from, reason, isIll: true });
    else this.#decisions.push({ kind: "wait", unit: unit.name, reason: `${reason}; ${stays}` });
  }

  /** Why a machine that is alive has to have stopped the unit. */
  #whyLeaseIsOver(unit: Unit, machine: MachineId): string | undefined {
    if (!isLeased(unit) || !this.#cutOff.has(machine)) return undefined;
    return "it cannot reach the store and stops units with OnPartition=stop";
  }

  /**
   * Of units that conflict, or are too many, those that were placed later have to go. What runs is not stopped because
   * a machine turned out to be smaller.
   */
  #misfitInPlace(unit: Unit, machine: MachineRecord): Misfit | undefined {
    return (
      overdueMisfit(this.#model.machine(machine.id)) ??
      machineMisfitInPlace(this.#model, unit, machine) ??
      this.#board.peerMisfit(unit, machine) ??
      this.#board.mateMisfit(
        unit,
        machine,
        (mate, misfit) =>
          misfit?.kind === "replaced" || mate.wants.global || this.#isOlder(mate.name, unit.name),
      )
    );
  }

  #isOlder(a: UnitName, b: UnitName): boolean {
    const indexOf = (name: UnitName) => this.#model.jobs.get(name)?.target?.index ?? 0;
    const difference = indexOf(a) - indexOf(b);
    return difference === 0 ? a < b : difference < 0;
  }

  #want(pending: Pending): void {
    this.#board.remove(pending.unit.name);
    this.#pending.set(pending.unit.name, pending);
    this.#pullFollowers(pending.unit.name);
  }

  #unplace(unit: Unit, from: MachineId, reason: string): void {
    this.#board.remove(unit.name);
    this.#settled.add(unit.name);
    this.#decisions.push({ kind: "unplace", unit: unit.name, from, reason });
    this.#pullFollowers(unit.name);
  }

  /** Units that have to run beside this one are looked at again, now that it is nowhere. */
  #pullFollowers(name: UnitName): void {
    for (const follower of [...this.#model.followers(name)].sort()) this.#review(follower);
  }

  #place(pending: Pending): void {
    const { unit, from } = pending;
    if (this.#settled.has(unit.name)) return;
    this.#settled.add(unit.name);
    for (const first of this.#pendingPeers(unit)) this.#place(first);
    const to = this.#choose(unit, from);
    if (to === undefined) this.#giveUp(pending);
    else this.#settle(pending, to);
  }

  #settle({ unit, from, reason, isIll = false }: Pending, to: MachineRecord): void {
    for (const mate of this.#board.replacedBy(unit, to)) this.#evict(mate, unit.name, to.id);
    const why = `${reason}; ${to.id} ${this.#whyChosen(unit, to)}`;
    this.#board.add(unit.name, to.id);
    if (to.id === from) {
      const stays = `${reason}; ${NO_OTHER}`;
      if (isIll) this.#decisions.push({ kind: "wait", unit: unit.name, reason: stays });
      return;
    }
    const move = { unit: unit.name, to: to.id, reason: why, ...(isIll && { avoid: reason }) };
    this.#decisions.push(
      from === undefined ? { kind: "place", ...move } : { kind: "move", from, ...move },
    );
  }

  /** Units that wait for a machine and that its MachineOf may mean, by turn. */
  #pendingPeers({ wants }: Unit): Pending[] {
    const peers = new Set<Pending>();
    for (const peer of wants.machineOf) {
      const exact = this.#pending.get(peer as UnitName);
      if (exact !== undefined) peers.add(exact);
      if (!isPeerGlob(peer)) continue;
      for (const name of this.#unitsMeant(peer)) {
        const pending = this.#pending.get(name);
        if (pending !== undefined && !this.#settled.has(name)) peers.add(pending);
      }
    }
    return [...peers].sort((a, b) => byTurn(a.unit, b.unit));
  }

  #evict(name: UnitName, by: UnitName, from: MachineId): void {
    const unit = this.#model.jobs.get(name)?.unit;
    if (unit !== undefined) this.#want({ unit, from, reason: `replaced by ${by}` });
  }

  #giveUp(pending: Pending): void {
    const { unit, from, isIll = false, reason: why } = pending;
    const reason = `${why}; none of ${this.#model.machines.size} machines fits`;
    if (from !== undefined && !isIll && this.#model.machines.has(from))
      this.#decisions.push({ kind: "unplace", unit: unit.name, from, reason });
    else {
      this.#decisions.push({ kind: "wait", unit: unit.name, reason });
      this.#waiting.set(unit.name, pending);
    }
  }

  /** Where its health was bad it goes only when nothing else fits. */
  #choose(unit: Unit, from: MachineId | undefined): MachineRecord | undefined {
    const { to, isForced } = this.#displaced.get(unit.name) ?? {};
    if (to !== undefined) {
      const machine = this.#model.machines.get(to);
      return machine && this.#isFree(unit, machine, isForced) ? machine : undefined;
    }
    const shunned = this.#health.shunned(unit, from);
    const elsewhere = shunned.size > 0 ? this.#chooseAmong(unit, from, shunned) : undefined;
    return elsewhere ?? this.#chooseAmong(unit, from, new Set());
  }

  /** Where it is, then where it takes somebody's place, then the best by what it prefers and by load. */
  #chooseAmong(
    unit: Unit,
    from: MachineId | undefined,
    without: ReadonlySet<MachineId>,
  ): MachineRecord | undefined {
    for (const id of this.#firstChoices(unit, from)) {
      const machine = without.has(id) ? undefined : this.#model.machines.get(id);
      if (machine !== undefined && this.#isFree(unit, machine)) return machine;
    }
    const rank = this.#board.ranking.rankFor(unit);
    let best: { readonly machine: MachineRecord; readonly rank: number } | undefined;
    for (const id of this.#choices(unit)) {
      if (without.has(id)) continue;
      const machine = this.#model.machines.get(id)!;
      const own = rank?.of(machine) ?? 0;
      if ((best === undefined || own > best.rank) && this.#isFree(unit, machine)) {
        if (rank === undefined || own === rank.most) return machine;
        best = { machine, rank: own };
      }
    }
    return best?.machine;
  }

  *#firstChoices({ wants }: Unit, from: MachineId | undefined): Generator<MachineId> {
    if (from !== undefined) yield from;
    if (wants.machineOf.length > 0 || wants.machineId !== undefined) return;
    for (const name of wants.replaces) {
      const at = this.#board.where(name);
      if (at !== undefined) yield at;
    }
  }

  /** Machines that may do, least loaded first. */
  #choices({ wants }: Unit): Iterable<MachineId> {
    const { machines } = this.#model;
    const { machineId, machineOf } = wants;
    const peer = machineOf.find((one) => !isPeerGlob(one));
    if (peer !== undefined) {
      const at = this.#board.where(peer);
      return at !== undefined && machines.has(at) ? [at] : [];
    }
    const { byLoad } = this.#board;
    const glob = machineOf[0];
    if (glob !== undefined) return this.#machinesOf(glob);
    if (machineId === undefined) return byLoad;
    return [...byLoad].filter((id) => isWantedMachine(machineId, machines.get(id)!));
  }

  /** Machines of units that the glob may mean, least loaded first. */
  #machinesOf(glob: string): MachineId[] {
    const machines = new Set<MachineId>();
    for (const name of this.#unitsMeant(glob)) {
      const at = this.#board.where(name);
      if (at !== undefined && this.#model.machines.has(at)) machines.add(at);
    }
    return [...machines].sort((a, b) => this.#board.compareLoad(a, b));
  }

  *#unitsMeant(glob: string): Generator<UnitName> {
    const { prefix, matches } = peerGlob(glob);
    this.#names ??= new NameIndex(this.#model.jobs.keys());
    for (const name of this.#names.beginningWith(prefix)) if (matches(name)) yield name;
  }

  #isFree(unit: Unit, machine: MachineRecord, isForced = false): boolean {
    if (this.#board.misfit(unit, machine, isForced) !== undefined) return false;
    return this.#board.replacedBy(unit, machine).every((mate) => this.#isMovable(mate));
  }

  /** Why the machine is taken for the unit, just before it is. */
  #whyChosen(unit: Unit, to: MachineRecord): string {
    const { machineId, machineOf } = unit.wants;
    if (this.#displaced.get(unit.name)?.to !== undefined) return "is where it is wanted";
    if (machineId !== undefined) return "is the machine it asks for";
    if (machineOf.length > 0) return `runs ${machineOf.join(" and ")}`;
    const load = this.#board.load(to.id);
    const units = `${load} ${load === 1 ? "unit" : "units"}`;
    const preferred = this.#board.ranking.describe(unit, to);
    return preferred === ""
      ? `is the least loaded that fits (${units})`
      : `is the best that fits (${preferred}; ${units})`;
  }

  /** What this plan placed already, and what that was placed beside, does not move again in it. */
  #isMovable(name: UnitName): boolean {
    if (this.#settled.has(name) || this.#model.globals.has(name)) return false;
    return ![...this.#model.followers(name)].some((follower) => this.#settled.has(follower));
  }
}

/** Why a job must not have a machine at all. */
function neverPlaced({ unit, desired }: Job): string | undefined {
  if (unit?.isTemplate === true) return "a template is never placed, only its instances";
  if (unit?.wants.global === true) return "a global unit has no machine of its own";
  return desired === "inactive" ? "desired state is inactive" : undefined;
}
