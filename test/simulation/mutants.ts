import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { FaultKind } from "./fault-kinds.ts";
import { LEASES_EVERY } from "./shape.ts";

/** A mistake that somebody could make: one place of the program, as it is and as it would be wrong. */
export interface Mutant {
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** What the checks have to say of it. */
  readonly found: RegExp;
  /** A kind of fault under which it shows. */
  readonly favour?: FaultKind;
  /** Every which seed is tried; every one when not given. */
  readonly step?: number;
}

const ONCE = /^5 at most one copy/;
const ALONE = /^one engine leads at a time/;

/** Each has to be found by the checks, and what they say without it is that all is well. */
export const MUTANTS = {
  leaseWithoutEnd: {
    file: "fleet/core/leadership.ts",
    from: 'leadership.state === "leader" && nowMs < leadership.endsMs',
    to: 'leadership.state === "leader"',
    found: ALONE,
    favour: "cut leader",
  },
  leaseOfOthersRenewed: {
    file: "fleet/leader-lease.ts",
    from: "else if (lease.value === me) await",
    to: "else await",
    found: ALONE,
    favour: "slow",
  },
  movedWhereverItIs: {
    file: "fleet/registry.ts",
    from: '"target"), to, { prevValue: from }',
    to: '"target"), to, {}',
    found: /^a target changes only by compare-and-swap/,
    favour: "power cut",
  },
  tombstoneIgnored: {
    file: "fleet/core/cluster-model.ts",
    from: "this.#destroyed.has(unit) || this.#removed.has(unit)",
    to: "this.#destroyed.has(unit)",
    found: /was destroyed, is on/,
    favour: "kill",
  },
  missingTakenForDestroyed: {
    file: "fleet/core/reconcile.ts",
    from: "loadedHash !== undefined && model.isDestroyed(name)",
    to: "loadedHash !== undefined",
    found: /^4 no unit is stopped.*no job/,
    favour: "wipe",
  },
  changedUnitKept: {
    file: "fleet/core/reconcile.ts",
    from: "if (here.hash !== unit.hash)",
    to: "if (here.hash === unit.name)",
    found: /^4 no unit is started without a record|is not loaded on/,
    favour: "slow",
  },
  statesToldBeforeRegistered: {
    file: "fleet/agent.ts",
    from: "      if (!isRegistered()) continue;\n",
    to: "",
    found: /^6 a machine speaks only once it is registered/,
    favour: "restart",
  },
  launchNotRecorded: {
    file: "fleet/local-units.ts",
    from: "    await this.#files.writeLaunched(",
    to: "    await (async (_: unknown) => {})(",
    found: /^4 no unit is started.*again/,
    favour: "restart",
  },
  manyLostAtOnceAreMoved: {
    file: "fleet/core/presence-tracker.ts",
    from: "together.length >= 2 && together.length > all / 2",
    to: "together.length > all",
    found: /^6 nobody is lost.*together/,
    favour: "cut many",
  },
  leftForEver: {
    file: "fleet/registration.ts",
    from: "      registry.setLeaving(machine.id, false, signal),\n",
    to: "",
    found: /is on record as leaving/,
    favour: "leave",
  },
  leavesBeforeItsUnitsDo: {
    file: "fleet/fleet-machine.ts",
    from: "    this.#engineEnd.abort();\n",
    to: "    this.#engineEnd.abort();\n    await this.#registration.unregister(signal);\n",
    found: /^6 a machine leaves only when nothing runs there/,
    favour: "leave",
  },
  closedMachineTakesUnits: {
    file: "fleet/core/machine-state.ts",
    from: "  if (machine?.cordoned !== undefined && !isForced)",
    to: "  if (machine?.cordoned === undefined && isForced)",
    found: /^7 no target.*closed/,
    favour: "kill",
  },
  drainedMachineStaysFull: {
    file: "fleet/core/drain.ts",
    from: "drain === undefined || room <= 0",
    to: "drain?.why !== machine || room <= 0",
    found: /which is drained, and fits on/,
    favour: "restart",
  },
  deadlineStopsNothing: {
    file: "fleet/core/machine-state.ts",
    from: "draining?.value.isOver === true ?",
    to: "draining?.value.isOver === null ?",
    found: /drain is over|is still on/,
    favour: "kill",
  },
  statesToldAgainAndAgain: {
    file: "fleet/unit-reporter.ts",
    from: "(value === known && !isStale)",
    to: "value === me",
    found: /^a settled cluster writes nothing/,
    favour: "kill",
  },
  rolloutOfAllAtOnce: {
    file: "fleet/core/advance-rollout.ts",
    from: 'if (free <= 0 || member.phase !== "waiting") return member;',
    to: 'if (member.phase !== "waiting") return member;',
    found: /^a rollout takes no more down at once/,
    favour: "slow",
  },
  rolloutWithoutEnd: {
    file: "fleet/core/advance-rollout.ts",
    from: 'return this.#end(begun, "done");',
    to: "return begun;",
    found: /a text rolls out over/,
    favour: "kill",
  },
  leaseWithoutMargin: {
    file: "fleet/core/machine-lease.ts",
    from: "const MARGIN = 1 / 6;",
    to: "const MARGIN = 0;",
    found: /^5 a machine's lease is over before/,
    step: LEASES_EVERY,
  },
  stopNotWaitedFor: {
    file: "fleet/core/lease-waits.ts",
    from: '(how === "expired" ? sinceMs : sinceMs + leaseMs) + stopMs',
    to: 'how === "expired" ? sinceMs : sinceMs + leaseMs',
    found: /^5 (at most one copy|a unit with a lease leaves)/,
    step: LEASES_EVERY,
  },
  leasedUnitMovedAtOnce: {
    file: "fleet/core/lease-waits.ts",
    from: "if (nowMs >= untilMs) continue;",
    to: "if (nowMs >= 0) continue;",
    found: /^5 a unit with a lease leaves/,
    step: LEASES_EVERY,
  },
  lockBrokenTooSoon: {
    file: "fleet/once-breaker.ts",
    from: "if (clock.monotonicMs() < dueMs)",
    to: "if (clock.monotonicMs() < 0)",
    found: ONCE,
    step: LEASES_EVERY,
  },
} as const satisfies Record<string, Mutant>;
export type MutantName = keyof typeof MUTANTS;

export function isMutantName(name: string): name is MutantName {
  return name in MUTANTS;
}

/** From now on the program that is loaded has the mistake. To be called before any of it is loaded. */
export function plantMutant(name: MutantName): void {
  const { file, from, to } = MUTANTS[name];
  const url = import.meta.resolve(`#${file}`);
  const parts = readFileSync(fileURLToPath(url), "utf8").split(from);
  if (parts.length !== 2)
    throw new Error(
      `src/${file} has ${parts.length - 1} times ${JSON.stringify(from)} and should have it once: change the mutant ${name} in test/simulation/mutants.ts to what the program says now`,
    );
  registerHooks({
    load: (loaded, context, next) =>
      loaded === url
        ? { format: "module-typescript", source: parts.join(to), shortCircuit: true }
        : next(loaded, context),
  });
}
