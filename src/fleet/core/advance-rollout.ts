import type { UnitName } from "#unitfile/core/unit-name.ts";
import { parallelOf } from "#unitfile/core/update-policy.ts";
import type { ClusterModel, Job } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import { globalMisfit } from "./machine-state.ts";
import { beginWatch, type MemberWatch, watchMember } from "./member-watch.ts";
import { describeMisfit, globalFits } from "./misfit.ts";
import { otherMachine } from "./other-machine.ts";
import { isActive, isUnderWay, joining, type Member, memberName, type Rollout } from "./rollout.ts";
import { globalMachines, unitWithText } from "./rollout-texts.ts";
import { lastResult } from "./run-once.ts";
import { withoutTemplate } from "./supersede-rollout.ts";
import type { Unit } from "./unit.ts";

/** One write that a rollout asks for; each is conditional on what was seen. */
export type RolloutStep =
  /** The job gets another text. */
  | {
      readonly kind: "setText";
      readonly unit: UnitName;
      readonly from: string;
      readonly to: string;
      readonly reason: string;
    }
  /** Beside the old copy, which its machine goes on with, or back to that. */
  | {
      readonly kind: "move";
      readonly unit: UnitName;
      readonly from: MachineId;
      readonly to: MachineId;
      readonly reason: string;
    };

/** What an engine has seen of each member. It is its own: another engine that takes over watches from the start. */
export type Watches = ReadonlyMap<string, MemberWatch>;

export interface Moment {
  /** Monotonic. */
  readonly nowMs: number;
  /** Wall time in UTC as ISO 8601 gives it, for the record. */
  readonly at: string;
}

export interface Advance {
  /** The same object when nothing changed. It has to be in force before any step of a later look is taken. */
  readonly next: Rollout;
  readonly steps: readonly RolloutStep[];
  readonly watches: Watches;
  /** When time alone may change what is to be done. */
  readonly againAtMs: number;
}

/**
 * Takes a rollout one step on: what to note, what to write, how long nothing more is to be done. The note always goes
 * before the writes that follow from it, so that whoever leads next, after a crash anywhere, goes on from there.
 */
export function advanceRollout(
  model: ClusterModel,
  key: UnitName,
  rollout: Rollout,
  watches: Watches,
  moment: Moment,
): Advance {
  return new Advancing(model, key, rollout, watches, moment).run();
}

type Progress =
  | { readonly kind: "reached"; readonly why?: string }
  | { readonly kind: "failed"; readonly why: string }
  | { readonly kind: "left"; readonly why: string }
  | { readonly kind: "pending" };

/** How long a member may be without a machine: units of one that is lost among many are held for a minute. */
const PLACE_MS = 90_000;
const PENDING: Progress = { kind: "pending" };

class Advancing {
  readonly #model: ClusterModel;
  readonly #key: UnitName;
  readonly #rollout: Rollout;
  readonly #before: Watches;
  readonly #moment: Moment;
  readonly #watches = new Map<string, MemberWatch>();
  readonly #steps: RolloutStep[] = [];
  #againAtMs = Number.POSITIVE_INFINITY;

  constructor(
    model: ClusterModel,
    key: UnitName,
    rollout: Rollout,
    watches: Watches,
    moment: Moment,
  ) {
    this.#model = model;
    this.#key = key;
    this.#rollout = rollout;
    this.#before = watches;
    this.#moment = moment;
  }

  run(): Advance {
    const rollout = this.#rollout;
    const next = isActive(rollout)
      ? rollout.state === "running"
        ? this.#goOn(rollout)
        : this.#goBack(rollout)
      : rollout;
    const changed = JSON.stringify(next) !== JSON.stringify(rollout);
    return {
      next: changed ? next : rollout,
      steps: changed ? [] : this.#steps,
      watches: this.#watches,
      againAtMs: this.#againAtMs,
    };
  }

  #goOn(before: Rollout): Rollout {
    const own = this.#model.jobs.get(this.#key);
    const isOther = own?.hash !== undefined && own.hash !== before.from && own.hash !== before.to;
    // A client that knows nothing of rollouts wrote it.
    const rollout = isOther
      ? withoutTemplate(before, "the template was given another text")
      : before;
    const { template, from, to } = rollout;
    const isGlobal = rollout.members.some(({ machine }) => machine !== undefined);
    if (template && own?.hash === from) this.#setText(this.#key, from, to, "template of a rollout");
    let failure = "";
    const members = this.#withNewMachines(rollout).map((member) => {
      const { member: after, failed } = this.#goOnWith(member);
      if (failed !== undefined && failure === "") failure = `${memberName(member)} ${failed}`;
      return after;
    });
    if (failure !== "") return { ...rollout, members, state: "returning", why: failure };
    const begun = this.#begin({ ...rollout, members });
    if (begun.members.some(({ phase }) => phase === "waiting" || phase === "updating"))
      return begun;
    if (isGlobal && own?.hash === from && from !== to) {
      this.#setText(this.#key, from, to, "every machine has it");
      return begun;
    }
    return this.#end(begun, "done");
  }

  #goOnWith(member: Member): { readonly member: Member; readonly failed?: string } {
    const gone = this.#whyLeft(member);
    if (gone !== undefined)
      return {
        member: isUnderWay(member) || member.phase === "waiting" ? leave(member, gone) : member,
      };
    // A machine that is back takes its turn again.
    if (member.phase === "left" && member.machine !== undefined)
      return { member: { ...member, phase: "waiting", why: "" } };
    if (member.phase !== "updating") return { member };
    const progress = this.#progress(member, member.to);
    switch (progress.kind) {
      case "pending":
        return { member };
      case "reached":
        return {
          member: { ...member, phase: "healthy", held: undefined, why: progress.why ?? "" },
        };
      case "left":
        return { member: leave(member, progress.why) };
      case "failed":
        return { member: { ...member, why: progress.why }, failed: progress.why };
      default:
        return progress satisfies never;
    }
  }

  /** As many of those that wait as may be down besides those that are. */
  #begin(rollout: Rollout): Rollout {
    const { policy } = rollout;
    let free =
      parallelOf(policy, rollout.members.length) - rollout.members.filter(isUnderWay).length;
    const members = rollout.members.map((member): Member => {
      if (free <= 0 || member.phase !== "waiting") return member;
      free -= 1;
      const held = policy.order === "start-first" ? this.#holdable(member) : undefined;
      return { ...member, phase: "updating", held };
    });
    return { ...rollout, members };
  }

  /** Where an old copy runs that may go on. */
  #holdable({ unit, machine }: Member): MachineId | undefined {
    const job = this.#model.jobs.get(unit);
    const target = job?.target?.value;
    if (machine !== undefined || job?.desired !== "launched" || target === undefined)
      return undefined;
    return this.#model.machines.has(target) ? target : undefined;
  }

  #goBack(rollout: Rollout): Rollout {
    let free =
      parallelOf(rollout.policy, rollout.members.length) -
      rollout.members.filter(isUnderWay).length;
    const members = rollout.members.map((member): Member => {
      if (member.phase === "returning") return this.#goBackWith(member);
      if (member.phase === "returned" || !this.#isChanged(member)) return member;
      // What may be down already goes first.
      if (member.phase !== "updating") free -= 1;
      if (free < 0 && member.phase !== "updating") return member;
      return { ...member, phase: "returning" };
    });
    const next = { ...rollout, members };
    if (members.some((one) => one.phase === "returning" || this.#isChanged(one))) return next;
    const own = this.#model.jobs.get(this.#key);
    const isWhole =
      rollout.template || rollout.members.some(({ machine }) => machine !== undefined);
    if (isWhole && own?.hash === rollout.to && rollout.from !== rollout.to) {
      this.#setText(this.#key, rollout.to, rollout.from, rollout.why);
      return next;
    }
    return this.#end(next, "returned");
  }

  #goBackWith(member: Member): Member {
    const gone = this.#whyLeft(member);
    if (gone !== undefined) return { ...member, phase: "returned", held: undefined, why: gone };
    const progress = this.#progress(member, member.from);
    if (progress.kind === "pending") return member;
    const why =
      progress.kind === "failed"
        ? `${member.why || "went back"}; with the text before it ${progress.why}`
        : member.why;
    return { ...member, phase: "returned", held: undefined, why };
  }

  /** Whether it has, or is to have, another text than the one to go back to. */
  #isChanged(member: Member): boolean {
    const { phase, from, had, to, unit, machine } = member;
    if (phase === "returned" || phase === "returning" || from === to) return false;
    if (machine !== undefined)
      return phase === "updating" || phase === "healthy" || (phase === "waiting" && had !== from);
    const hash = this.#model.jobs.get(unit)?.hash;
    return phase === "updating" || (hash !== from && (hash === to || hash === had));
  }

  #end(rollout: Rollout, state: "done" | "returned"): Rollout {
    return { ...rollout, state, ended: this.#moment.at };
  }

  /** Machines that came since, and have the unit's old text, are members too. */
  #withNewMachines(rollout: Rollout): readonly Member[] {
    const [first] = rollout.members;
    if (first?.machine === undefined) return rollout.members;
    const { unit, from, to } = first;
    const known = new Set(rollout.members.map(({ machine }) => machine));
    const fresh = globalMachines(this.#model, [this.#unit(unit, from), this.#unit(unit, to)])
      .filter((machine) => !known.has(machine))
      .map((machine) => joining({ unit, machine, from, had: from, to, placed: true }));
    return [...rollout.members, ...fresh];
  }

  /** Why the rollout has nothing to do with the member any more. */
  #whyLeft({ unit, machine, from, had, to }: Member): string | undefined {
    const job = this.#model.jobs.get(unit);
    if (job?.hash === undefined) return "was destroyed";
    if (job.hash !== from && job.hash !== had && job.hash !== to) return "was given another text";
    if (machine !== undefined && !this.#model.machines.has(machine)) return "machine is away";
    return undefined;
  }

  #progress(member: Member, goal: string): Progress {
    const job = this.#model.jobs.get(member.unit)!;
    return member.machine === undefined
      ? this.#progressPlaced(member, goal, job)
      : this.#progressOn(member, goal, job, member.machine);
  }

  #progressPlaced(member: Member, goal: string, job: Job): Progress {
    const { unit, held, phase } = member;
    const target = job.target?.value;
    const goesBack = phase === "returning" && held !== undefined && this.#model.machines.has(held);
    if (goesBack && target !== undefined && target !== held) {
      const reason = "goes back to its old copy";
      this.#steps.push({ kind: "move", unit, from: target, to: held, reason });
      return PENDING;
    }
    if (job.hash !== goal) {
      this.#setText(unit, job.hash!, goal, `${phase} by the rollout of ${this.#key}`);
      return PENDING;
    }
    if (job.desired !== "launched") return { kind: "reached", why: "is not to run" };
    if (target === undefined && !member.placed)
      return { kind: "reached", why: "has no machine, as before" };
    if (phase === "updating" && held !== undefined && target === held)
      return this.#moveBeside(member, job, held);
    if (target === undefined || !this.#model.machines.has(target))
      return this.#awaitMachine(member, goal, target);
    return this.#watch(member, goal, target, job.launchedOn === target);
  }

  /** Has the new copy begin on another machine. */
  #moveBeside(member: Member, job: Job, held: MachineId): Progress {
    const to = job.unit && otherMachine(this.#model, job.unit, held);
    if (to !== undefined) {
      const reason = `starts beside its old copy on ${held}`;
      this.#steps.push({ kind: "move", unit: member.unit, from: held, to, reason });
      return PENDING;
    }
    const isOver = this.#isOver(member, `beside ${held}`);
    const why = "has no other machine that fits to be started on first";
    return isOver ? { kind: "failed", why } : PENDING;
  }

  /** A machine that is lost is not the text's fault; that none fits the text is. */
  #awaitMachine(member: Member, goal: string, target: MachineId | undefined): Progress {
    if (!this.#isOver(member, `${goal} ${target ?? "nowhere"}`)) return PENDING;
    return target === undefined
      ? { kind: "failed", why: "has no machine: none fits" }
      : { kind: "left", why: `machine ${target} is away` };
  }

  #progressOn(member: Member, goal: string, job: Job, machine: MachineId): Progress {
    const record = this.#model.machines.get(machine)!;
    const unit = this.#unit(member.unit, goal);
    if (job.desired !== "launched") return { kind: "reached", why: "is not to run" };
    if (unit !== undefined && !globalFits(unit, record))
      return { kind: "reached", why: "does not belong there" };
    const isReported = this.#model.states.get(member.unit)?.has(machine) === true;
    const misfit = globalMisfit(this.#model.machine(machine), job, isReported);
    if (misfit !== undefined) return { kind: "reached", why: describeMisfit(misfit) };
    return this.#watch(member, goal, machine, true);
  }

  #watch(member: Member, goal: string, machine: MachineId, launched: boolean): Progress {
    const unit = this.#unit(member.unit, goal);
    const name = memberName(member);
    if (unit === undefined) return { kind: "failed", why: "has a text that cannot be read" };
    const before = this.#watchOf(member, `${goal} ${machine}`);
    const state = this.#model.states.get(member.unit)?.get(machine);
    const monitorMs = member.phase === "updating" ? this.#rollout.policy.monitorMs : 0;
    const note = this.#model.notes.health.get(member.unit, machine)?.value;
    const result = lastResult(this.#model, unit, machine);
    const observed = { unit, state, launched, monitorMs, note, result };
    const { watch, verdict } = watchMember(before, observed, this.#moment.nowMs);
    this.#watches.set(name, watch);
    switch (verdict.kind) {
      case "healthy":
        return { kind: "reached" };
      case "failed":
        return { kind: "failed", why: `${verdict.why}, on machine ${machine}` };
      case "waiting":
        this.#lookAgain(verdict.untilMs);
        return PENDING;
      default:
        return verdict satisfies never;
    }
  }

  #watchOf(member: Member, what: string): MemberWatch {
    const mark = `${member.phase} ${what}`;
    const known = this.#before.get(memberName(member));
    return known?.mark === mark ? known : beginWatch(mark, this.#moment.nowMs);
  }

  /** Whether the member had long enough to get a machine. */
  #isOver(member: Member, what: string): boolean {
    const watch = this.#watchOf(member, what);
    this.#watches.set(memberName(member), watch);
    const untilMs = watch.sinceMs + PLACE_MS;
    this.#lookAgain(untilMs);
    return this.#moment.nowMs >= untilMs;
  }

  #lookAgain(atMs: number): void {
    this.#againAtMs = Math.min(this.#againAtMs, atMs);
  }

  #setText(unit: UnitName, from: string, to: string, reason: string): void {
    this.#steps.push({ kind: "setText", unit, from, to, reason });
  }

  #unit(name: UnitName, hash: string): Unit | undefined {
    return unitWithText(this.#model, name, hash);
  }
}

function leave(member: Member, why: string): Member {
  return { ...member, phase: "left", held: undefined, why };
}
