import { globMatcher } from "#unitfile/core/glob.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { Board } from "./board.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import { machineState } from "./machine-state.ts";
import type { MachineRecord } from "./records.ts";
import type { Unit } from "./unit.ts";

/** One unit that goes from a machine to another; carried out in the order of the plan, each fits at its turn. */
export interface RebalanceMove {
  readonly unit: UnitName;
  readonly from: MachineId;
  readonly to: MachineId;
  /** For people. */
  readonly reason: string;
}

export interface RebalanceOptions {
  /** Also units that must never run twice, and so are down while they move. */
  readonly includeAtMostOnce: boolean;
}

export interface RebalancePlan {
  readonly moves: readonly RebalanceMove[];
  /** Units on the machines that have most and fewest, of those that take part. */
  readonly before: Span;
  readonly after: Span;
}

interface Span {
  readonly most: number;
  readonly fewest: number;
}

/** How many times in all a unit and a machine are looked at together: what takes a daemon about a second. */
const LOOKS_MAX = 250_000;
/** What it costs more to ask the scheduler's conditions. */
const LOOKS_PER_FIT = 10;
/** Of more machines, searching again after each way over others would take too long. */
const LARGE = 100;
/** A load below all others. */
const STUCK = -1;
/** The same for one search for a way over other machines. */
const DETOUR_LOOKS_MAX = 20_000;

/**
 * Which units had better be elsewhere: first for what they prefer (Prefer, then Spread), then so that machines have
 * equally many, then so that what they need of memory is even. Every move keeps to the scheduler's conditions, makes none of
 * what comes before it worse. Machines that are cordoned, drained or leaving neither give nor take.
 * Units that others run beside, that run beside others, that replace others or ask for their machine stay.
 */
export function rebalance(model: ClusterModel, options: RebalanceOptions): RebalancePlan {
  return new Rebalancer(model, options).plan();
}

class Rebalancer {
  readonly #model: ClusterModel;
  readonly #board: Board;
  /** By id, those that take part. */
  readonly #machines: readonly MachineRecord[];
  /** Units that may move and have not, by machine. */
  readonly #movable = new Map<MachineId, Unit[]>();
  readonly #spreads: { readonly key: string; readonly isMember: (name: string) => boolean }[] = [];
  readonly #keys = new Map<UnitName, readonly string[]>();
  readonly #moves: RebalanceMove[] = [];
  #looksLeft = LOOKS_MAX;

  constructor(model: ClusterModel, { includeAtMostOnce }: RebalanceOptions) {
    this.#model = model;
    this.#board = new Board(model);
    this.#machines = [...model.machines.values()]
      .filter(({ id }) => machineState(model, id) === "ready")
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const { id } of this.#machines) {
      const units = [...model.placedOn(id)].sort().flatMap((name) => this.#unit(name) ?? []);
      const free = units.filter((unit) => includeAtMostOnce || !unit.wants.atMostOnce);
      this.#movable.set(id, free);
    }
    const groups = new Map<string, { key: string; group: string }>();
    for (const { unit } of model.jobs.values())
      if (unit?.wants.spread) {
        const { group, key } = unit.wants.spread;
        groups.set(`${key} ${group}`, { key, group });
      }
    for (const [, { group, key }] of [...groups].sort(([a], [b]) => (a < b ? -1 : 1)))
      this.#spreads.push({ key, isMember: globMatcher(group) });
  }

  plan(): RebalancePlan {
    const before = this.#span();
    // A move may make room for what another unit prefers; nothing gets worse, so this ends.
    for (let known = -1; known < this.#moves.length && this.#looksLeft > 0; ) {
      known = this.#moves.length;
      this.#byPreference();
      this.#byCount();
      this.#byMemory();
    }
    return { moves: inFewest(this.#model, this.#moves), before, after: this.#span() };
  }

  #span(): Span {
    const loads = this.#machines.map(({ id }) => this.#board.load(id));
    if (loads.length === 0) return { most: 0, fewest: 0 };
    return {
      most: loads.reduce((a, b) => Math.max(a, b)),
      fewest: loads.reduce((a, b) => Math.min(a, b)),
    };
  }

  /** The unit, if it is one that goes by itself and is wanted where there is room. */
  #unit(name: UnitName): Unit | undefined {
    const { unit, desired } = this.#model.jobs.get(name) ?? {};
    if (unit === undefined || desired === undefined || desired === "inactive") return undefined;
    const { machineId, machineOf, replaces } = unit.wants;
    const isBound = machineId !== undefined || machineOf.length > 0 || replaces.length > 0;
    return isBound || this.#model.followers(name).size > 0 ? undefined : unit;
  }

  /** Units that prefer another machine that they fit. */
  #byPreference(): void {
    for (const from of this.#machines)
      for (const unit of this.#movable.get(from.id)!) {
        if (unit.wants.prefer.length === 0 && unit.wants.spread === undefined) continue;
        const to = this.#preferred(unit, from);
        if (to !== undefined) this.#move(unit, from, to, `it prefers ${to.id}`);
      }
  }

  #preferred(unit: Unit, from: MachineRecord): MachineRecord | undefined {
    return this.#without(unit, from, () => {
      const rank = this.#board.ranking.rankFor(unit);
      const own = rank?.of(from) ?? 0;
      if (rank === undefined || own >= rank.most) return undefined;
      const better = [...this.#machines]
        .map((machine) => ({ machine, rank: rank.of(machine) }))
        .filter((one) => one.rank > own)
        .sort((a, b) => b.rank - a.rank || this.#compare(a.machine, b.machine));
      return better.find(({ machine }) => this.#fits(unit, machine))?.machine;
    });
  }

  /** As long as a unit can go from a machine to one that has two fewer, over others if need be. */
  #byCount(): void {
    const atOnce = this.#machines.length > LARGE ? Number.POSITIVE_INFINITY : 1;
    do this.#all((from) => this.#direct(from), Number.POSITIVE_INFINITY);
    while (this.#all((from) => this.#detour(from), atOnce) > 0);
  }

  /** Goes such ways, from the most loaded machines first, as long as there are any, or so many; tells how many. */
  #all(find: (from: MachineRecord) => Step[] | undefined, max: number): number {
    // Loads are kept here, for the most loaded one is looked for again and again.
    const seats = this.#machines.map((machine) => ({ machine, load: this.#load(machine) }));
    let count = 0;
    while (count < max) {
      let most: (typeof seats)[number] | undefined;
      for (const seat of seats) if (seat.load > (most?.load ?? 1)) most = seat;
      if (most === undefined) break;
      const from = most.machine;
      const path = find(from);
      if (path === undefined) {
        most.load = STUCK;
        continue;
      }
      count += 1;
      const last = path.at(-1)!.to;
      const reason = `${from.id} has ${this.#load(from)} units, ${last.id} ${this.#load(last)}`;
      // The last one first: where the others go, there is room then.
      for (const { unit, from: at, to } of path.toReversed()) this.#move(unit, at, to, reason);
      most.load -= 1;
      const end = seats.find(({ machine }) => machine === last)!;
      if (end.load !== STUCK) end.load += 1;
    }
    return count;
  }

  #direct(from: MachineRecord): Step[] | undefined {
    for (const to of this.#lighter()) {
      if (this.#load(to) > this.#load(from) - 2 || this.#looksLeft <= 0) return undefined;
      const unit = this.#movable.get(from.id)!.find((one) => this.#mayGo(one, from, to));
      if (unit !== undefined) return [{ unit, from, to }];
    }
    return undefined;
  }

  /** The shortest way over which a unit less here becomes a unit more on a machine that has two fewer. */
  #detour(from: MachineRecord): Step[] | undefined {
    const limit = this.#load(from) - 2;
    const [lightest] = this.#lighter();
    if (lightest === undefined || this.#load(lightest) > limit) return undefined;
    const stopAt = Math.max(0, this.#looksLeft - DETOUR_LOOKS_MAX);
    const cameBy = new Map<MachineId, Step | undefined>([[from.id, undefined]]);
    for (let edge = [from]; edge.length > 0; ) {
      const next: MachineRecord[] = [];
      for (const at of edge)
        for (const unit of this.#movable.get(at.id)!)
          for (const to of this.#lighter()) {
            if (cameBy.has(to.id)) continue;
            if (this.#looksLeft <= stopAt) return undefined;
            if (!this.#mayGo(unit, at, to)) continue;
            cameBy.set(to.id, { unit, from: at, to });
            if (this.#load(to) <= limit) return stepsTo(to, cameBy);
            next.push(to);
          }
      edge = next;
    }
    return undefined;
  }

  /** Machines that take part, least loaded first. */
  *#lighter(): Generator<MachineRecord> {
    for (const id of this.#board.byLoad) {
      const machine = this.#model.machines.get(id);
      if (machine !== undefined && this.#movable.has(id)) yield machine;
    }
  }

  /** As long as a unit with a need of memory can go to a machine where less is taken, and counts stay as even. */
  #byMemory(): void {
    const sized = this.#machines.filter(({ facts }) => (facts?.memoryBytes ?? 0) > 0);
    const used = new Map(sized.map(({ id }) => [id, this.#memoryOn(id)]));
    const share = ({ id, facts }: MachineRecord, more: number) =>
      (used.get(id)! + more) / facts!.memoryBytes!;
    const byShare = (a: MachineRecord, b: MachineRecord) => share(a, 0) - share(b, 0);
    for (const from of sized.toSorted((a, b) => byShare(b, a)))
      for (const unit of this.#movable.get(from.id)!) {
        const need = unit.wants.memoryBytes;
        if (need === 0) continue;
        const to = sized
          .filter((one) => this.#load(one) < this.#load(from))
          .sort((a, b) => byShare(a, b) || (a.id < b.id ? -1 : 1))
          .find((one) => share(one, need) < share(from, 0) && this.#mayGo(unit, from, one));
        if (to === undefined) continue;
        this.#move(unit, from, to, `${from.id} has less memory free than ${to.id}`);
        used.set(from.id, used.get(from.id)! - need);
        used.set(to.id, used.get(to.id)! + need);
      }
  }

  #memoryOn(id: MachineId): number {
    const units = [...this.#board.unitsOn(id)];
    return units.reduce(
      (sum, name) => sum + (this.#model.jobs.get(name)?.unit?.wants.memoryBytes ?? 0),
      0,
    );
  }

  /** Whether the unit fits there and nothing that is preferred gets worse. */
  #mayGo(unit: Unit, from: MachineRecord, to: MachineRecord): boolean {
    this.#looksLeft -= 1;
    for (const key of this.#sharedKeys(unit))
      if (from.metadata.get(key) !== to.metadata.get(key)) return false;
    if (!this.#fits(unit, to)) return false;
    if (unit.wants.prefer.length === 0 && unit.wants.spread === undefined) return true;
    return this.#without(unit, from, () => {
      const rank = this.#board.ranking.rankFor(unit);
      return rank === undefined || rank.of(to) >= rank.of(from);
    });
  }

  /** Keys of metadata that others count the unit by, in their Spread. */
  #sharedKeys(unit: Unit): readonly string[] {
    const known = this.#keys.get(unit.name);
    if (known !== undefined) return known;
    const keys = this.#spreads
      .filter(({ isMember, key }) => unit.wants.spread?.key !== key && isMember(unit.name))
      .map(({ key }) => key);
    this.#keys.set(unit.name, keys);
    return keys;
  }

  #fits(unit: Unit, to: MachineRecord): boolean {
    this.#looksLeft -= LOOKS_PER_FIT;
    return this.#board.misfit(unit, to) === undefined;
  }

  /** What is so while the unit is nowhere. */
  #without<T>({ name }: Unit, { id }: MachineRecord, look: () => T): T {
    this.#board.remove(name);
    try {
      return look();
    } finally {
      this.#board.add(name, id);
    }
  }

  #move(unit: Unit, from: MachineRecord, to: MachineRecord, reason: string): void {
    this.#board.remove(unit.name);
    this.#board.add(unit.name, to.id);
    const left = this.#movable.get(from.id)!.filter((one) => one !== unit);
    this.#movable.set(from.id, left);
    this.#movable.get(to.id)!.push(unit);
    this.#moves.push({ unit: unit.name, from: from.id, to: to.id, reason });
  }

  #load({ id }: MachineRecord): number {
    return this.#board.load(id);
  }

  /** Least loaded first, ties by id. */
  #compare(a: MachineRecord, b: MachineRecord): number {
    return this.#load(a) - this.#load(b) || (a.id < b.id ? -1 : 1);
  }
}

/**
 * The same moves with each unit going at once where it goes in the end, in an order in which each fits at its turn; as they
 * were, where there is none.
 */
function inFewest(model: ClusterModel, moves: readonly RebalanceMove[]): readonly RebalanceMove[] {
  const last = new Map(moves.map((move) => [move.unit, move]));
  const from = new Map(moves.toReversed().map((move) => [move.unit, move.from]));
  let left = [...last.values()].flatMap((move) => {
    const begin = from.get(move.unit)!;
    return begin === move.to ? [] : [{ ...move, from: begin }];
  });
  if (left.length === moves.length) return moves;
  const board = new Board(model);
  const ordered: RebalanceMove[] = [];
  while (left.length > 0) {
    const waiting = left.filter((move) => {
      const unit = model.jobs.get(move.unit)!.unit!;
      if (board.misfit(unit, model.machines.get(move.to)!) !== undefined) return true;
      board.remove(move.unit);
      board.add(move.unit, move.to);
      ordered.push(move);
      return false;
    });
    if (waiting.length === left.length) return moves;
    left = waiting;
  }
  return ordered;
}

interface Step {
  readonly unit: Unit;
  readonly from: MachineRecord;
  readonly to: MachineRecord;
}

/** The steps that lead to the machine, from the first. */
function stepsTo(to: MachineRecord, cameBy: ReadonlyMap<MachineId, Step | undefined>): Step[] {
  const steps: Step[] = [];
  for (let step = cameBy.get(to.id); step !== undefined; step = cameBy.get(step.from.id))
    steps.unshift(step);
  return steps;
}
