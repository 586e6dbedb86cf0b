import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ClusterModel } from "./cluster-model.ts";
import type { MachineId } from "./machine-id.ts";
import type { Absence } from "./presence-tracker.ts";
import { isLeased, stopBoundMs } from "./stop-bound.ts";

/** Leased units whose machine is gone and may still be stopping them. */
export interface LeaseWaits {
  /** Why they do not move yet, as operators are told. */
  readonly waits: ReadonlyMap<UnitName, string>;
  /** When the first of them may. */
  readonly againAtMs: number | undefined;
}

/** How a machine that is gone is judged. */
export interface LeaseTerms {
  readonly absence: (machine: MachineId) => Absence;
  /** The time to live of machine records. */
  readonly ttlMs: number;
  /** The monotonic clock, by which absences are told. */
  readonly nowMs: number;
  /** The wall clock's time, to the next second, when the monotonic one will show this. */
  readonly wallAt: (monotonicMs: number) => Date;
}

/**
 * Until when a machine that is gone may still run a leased unit whose stop takes `stopMs` at most. A record expires
 * only after the lease that came with it; one that merely is not there any more was renewed before that was seen.
 */
export function mayRunUntilMs({ how, sinceMs }: Absence, leaseMs: number, stopMs: number): number {
  return (how === "expired" ? sinceMs : sinceMs + leaseMs) + stopMs;
}

/** How long after a heartbeat that machine may run leased units: as it said, and no less than `ttlMs`. */
export function longestLeaseMs(model: ClusterModel, machine: MachineId, ttlMs: number): number {
  return Math.max(ttlMs, model.machine(machine)?.facts?.leaseMs ?? 0);
}

/** What has to stay where it is until its machine must have stopped it. A machine that left on purpose has. */
export function leaseWaits(
  model: ClusterModel,
  { absence, ttlMs, nowMs, wallAt }: LeaseTerms,
): LeaseWaits {
  const waits = new Map<UnitName, string>();
  let againAtMs: number | undefined;
  for (const machine of model.holders) {
    if (model.machines.has(machine) || absence(machine).how === "deleted") continue;
    const leaseMs = longestLeaseMs(model, machine, ttlMs);
    for (const name of model.placedOn(machine)) {
      const unit = model.jobs.get(name)?.unit;
      if (unit === undefined || !isLeased(unit)) continue;
      const untilMs = mayRunUntilMs(absence(machine), leaseMs, stopBoundMs(unit));
      if (nowMs >= untilMs) continue;
      const until = Number.isFinite(untilMs)
        ? timeOf(wallAt(untilMs))
        : "it is back, for its stop has no bound";
      waits.set(name, `machine ${machine} is gone and may still be stopping it until ${until}`);
      againAtMs = Math.min(againAtMs ?? untilMs, untilMs);
    }
  }
  return { waits, againAtMs: Number.isFinite(againAtMs) ? againAtMs : undefined };
}

/** `18:04:05 UTC`. */
function timeOf(at: Date): string {
  return `${at.toISOString().slice(11, 19)} UTC`;
}
