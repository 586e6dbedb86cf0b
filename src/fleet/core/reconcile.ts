import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import { globalMisfit, overdueMisfit } from "./machine-state.ts";
import { describeMisfit, globalFits } from "./misfit.ts";
import type { MachineRecord } from "./records.ts";
import { rollingText } from "./rolling-text.ts";
import { type WantedRun, wantedRun } from "./run-once.ts";
import { isStartedByOneOf } from "./started-by.ts";
import type { Unit } from "./unit.ts";

/** A unit whose file this agent wrote, with what it remembers of it and what systemd says. */
export interface LoadedUnit {
  readonly hash: string;
  /** Whether the agent started it and did not stop it since; it may have ended by itself all the same. */
  readonly launched: boolean;
  /** Which run it started last, see `WantedRun`; undefined when it does not know. */
  readonly run?: number | undefined;
  /** systemd's words, such as `not-found` and `active`. */
  readonly loadState: string;
  readonly activeState: string;
}

/** What the cluster wants of a unit on this machine. */
export type Fate =
  | {
      readonly kind: "run";
      readonly unit: Unit;
      readonly desired: "loaded" | "launched";
      readonly run: WantedRun;
      readonly reason: string;
    }
  /** It is on record that the unit does not belong here. */
  | { readonly kind: "remove"; readonly reason: string }
  /** Nothing that could be relied on is known of it: it stays as it is. */
  | { readonly kind: "keep"; readonly reason: string };

/** One thing to do on this machine. `reason` is shown to operators as it is; `run` is the run that it begins or takes for begun. */
export type Step =
  /** Write the file and make systemd know it; then start it, if told to. */
  | {
      readonly kind: "load";
      readonly unit: Unit;
      readonly start: boolean;
      readonly run: number;
      readonly reason: string;
    }
  /** Stop what runs under the old file, then load the new one. */
  | {
      readonly kind: "replace";
      readonly unit: Unit;
      readonly start: boolean;
      readonly run: number;
      readonly reason: string;
    }
  | {
      readonly kind: "start";
      readonly name: UnitName;
      readonly run: number;
      readonly reason: string;
    }
  /** It runs or ran already: remember that, touch nothing. */
  | {
      readonly kind: "adopt";
      readonly name: UnitName;
      readonly run: number;
      readonly reason: string;
    }
  | { readonly kind: "stop"; readonly name: UnitName; readonly reason: string }
  /** It runs, and is to begin anew. */
  | { readonly kind: "restart"; readonly name: UnitName; readonly reason: string }
  | { readonly kind: "unload"; readonly name: UnitName; readonly reason: string }
  /** Leave it, and tell somebody. */
  | { readonly kind: "keep"; readonly name: UnitName; readonly reason: string };

/** What an agent is to do, from what the cluster wants and from what is here. Names come in order. */
export function reconcile(
  model: ClusterModel,
  me: MachineRecord,
  loaded: ReadonlyMap<UnitName, LoadedUnit>,
): Step[] {
  const names = new Set([...model.placedOn(me.id), ...model.globals, ...loaded.keys()]);
  return [...names].sort().flatMap((name) => {
    const here = loaded.get(name);
    const step = stepFor(name, fateOf(model, me, name, here?.hash), here);
    // What a socket or a timer here started is theirs: the cluster wants it loaded, for just that.
    const isTheirs =
      step?.kind === "stop" &&
      here?.launched === false &&
      isStartedByOneOf(model, loaded.keys(), name);
    return step === undefined || isTheirs ? [] : [step];
  });
}

/** What an agent is to do when its machine leaves the cluster: everything goes, whatever the cluster wants. */
export function reconcileLeaving(loaded: ReadonlyMap<UnitName, LoadedUnit>): Step[] {
  return [...loaded.keys()]
    .sort()
    .map((name) => ({ kind: "unload", name, reason: "machine leaves the cluster" }));
}

/** `loadedHash` is the hash of the unit's file on this machine, if it has one. */
export function fateOf(
  model: ClusterModel,
  me: MachineRecord,
  name: UnitName,
  loadedHash: string | undefined,
): Fate {
  const job = model.jobs.get(name);
  if (job?.hash === undefined)
    return loadedHash !== undefined && model.isDestroyed(name)
      ? { kind: "remove", reason: "unit was destroyed" }
      : { kind: "keep", reason: "it has no job, and nothing says that it was destroyed" };
  const { desired, target } = job;
  if (job.unit === undefined || desired === undefined || job.targetUnreadable)
    return { kind: "keep", reason: "its job cannot be read" };
  if (job.unit.isTemplate) return { kind: "remove", reason: "a template does not run" };
  if (!job.isDesiredSaid) return { kind: "keep", reason: "nothing says what is desired of it" };
  if (desired === "inactive") return { kind: "remove", reason: "desired state is inactive" };
  const { unit, isHeld } = rollingText(model, me.id, job.unit);
  if (unit === undefined)
    return { kind: "keep", reason: "the text that a rollout has for it cannot be read" };
  const run = wantedRun(model, { ...job, hash: unit.hash }, unit, me.id);
  if (isHeld && overdueMisfit(model.machine(me.id)) === undefined)
    return { kind: "run", unit, desired, run, reason: "goes on until its new copy is healthy" };
  if (unit.wants.global) {
    if (!globalFits(unit, me))
      return { kind: "remove", reason: "global unit that does not fit this machine's metadata" };
    const misfit = globalMisfit(model.machine(me.id), job, loadedHash !== undefined);
    return misfit === undefined
      ? { kind: "run", unit, desired, run, reason: `global unit, desired state is ${desired}` }
      : { kind: "remove", reason: `global unit: ${describeMisfit(misfit)}` };
  }
  if (target === undefined) return { kind: "remove", reason: "unit is placed nowhere" };
  return isHere(target.value, me.id)
    ? { kind: "run", unit, desired, run, reason: `placed here, desired state is ${desired}` }
    : { kind: "remove", reason: `unit is placed on ${target.value}` };
}

function isHere(target: MachineId, me: MachineId): boolean {
  return target === me;
}

function stepFor(name: UnitName, fate: Fate, here: LoadedUnit | undefined): Step | undefined {
  switch (fate.kind) {
    case "remove":
      return here && { kind: "unload", name, reason: fate.reason };
    case "keep":
      return here && { kind: "keep", name, reason: fate.reason };
    case "run":
      return here === undefined || here.loadState === "not-found"
        ? { kind: "load", ...start(fate), reason: fate.reason }
        : stepForRunning(name, fate, here);
    default:
      return fate satisfies never;
  }
}

/** Whether the unit is to be started once its file is there. */
function start({ unit, desired, run }: Fate & { kind: "run" }) {
  return { unit, start: desired === "launched" && !run.done, run: run.generation };
}

function stepForRunning(
  name: UnitName,
  fate: Fate & { kind: "run" },
  here: LoadedUnit,
): Step | undefined {
  const { unit, desired, run, reason } = fate;
  if (here.hash !== unit.hash) {
    const changed = `unit changed from ${here.hash} to ${unit.hash}`;
    return { kind: "replace", ...start(fate), reason: changed };
  }
  if (desired === "launched") return launchStep(name, run, here, reason);
  if (here.launched || isRunning(here.activeState)) return { kind: "stop", name, reason };
  return undefined;
}

/** What is to be done about a unit that is loaded and to be launched. */
function launchStep(
  name: UnitName,
  wanted: WantedRun,
  here: LoadedUnit,
  reason: string,
): Step | undefined {
  const { generation: run, once, done } = wanted;
  if (!here.launched)
    return { kind: done || isRunning(here.activeState) ? "adopt" : "start", name, run, reason };
  if (!once || done || here.run === run) return undefined;
  // What was started by a program that did not count runs was this one.
  if (here.run === undefined) return { kind: "adopt", name, run, reason };
  // The run before is not cut short, unless the unit says so: the next begins at its end.
  if (isRunning(here.activeState))
    return wanted.replaces
      ? { kind: "stop", name, reason: "another run is due, OnOverlap=replace" }
      : undefined;
  return { kind: "start", name, run, reason };
}

/** Whether systemd runs the unit or is about to. */
export function isRunning(activeState: string): boolean {
  return activeState === "active" || activeState === "activating" || activeState === "reloading";
}
