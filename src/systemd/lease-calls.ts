import { Fault } from "#base/fault.ts";
import type { Connection, ManagerCall } from "#systemd/connection.ts";
import { LEASE_GATE, LEASE_TIMERS, leaseTimer } from "#systemd/core/lease-units.ts";
import { unitPathOf } from "#systemd/core/object-path.ts";
import type { UnitRow } from "#systemd/core/unit-row.ts";
import type { JobResult } from "#systemd/systemd.ts";

/** Calls the manager, and what a lease needs to be told of jobs. */
export interface LeaseCalls {
  readonly connection: Connection;
  /** Makes a call that gives a job, and waits for that job's end. */
  readonly runJob: (call: ManagerCall, signal: AbortSignal) => Promise<JobResult>;
}

const ACTION = "extend the lease of units";
/** How late the timer may elapse, in microseconds. */
const ACCURACY_USEC = 1_000n;

/** Gives `Systemd.extendLease` over one connection. */
export function leaseExtender({ connection, runJob }: LeaseCalls) {
  let startedUsec: bigint | undefined;
  return async (untilMs: number, signal: AbortSignal): Promise<string> => {
    startedUsec ??= BigInt(
      (await property(connection, undefined, "UserspaceTimestampMonotonic", signal)) as bigint,
    );
    // In this order: a pause between the two readings makes the lease end sooner, not later.
    const nowUsec = process.hrtime.bigint() / 1_000n;
    const untilUsec = nowUsec + BigInt(Math.round((untilMs - performance.now()) * 1_000));
    const timer = leaseTimer(String(untilUsec));
    // A timer that is over before systemd itself began cannot be told of; it is over all the same.
    const sinceStart = untilUsec > startedUsec ? untilUsec - startedUsec : 1n;
    const result = await runJob(timerCall(timer, sinceStart), signal);
    if (result !== "done")
      throw new Fault("SYSTEMD_FAILED", `Cannot ${ACTION}: ${timer} ended as "${result}"`, {
        facts: { error: result },
      });
    await stopOthers({ connection, runJob }, timer, signal);
    const id = await property(connection, LEASE_GATE, "InvocationID", signal);
    return Buffer.from(id as Uint8Array).toString("hex");
  };
}

/** The older timers, of this daemon or of one before, now that a newer one is armed. */
async function stopOthers(
  { connection, runJob }: LeaseCalls,
  timer: string,
  signal: AbortSignal,
): Promise<void> {
  const rows = await connection.call<UnitRow[]>(
    {
      member: "ListUnitsByPatterns",
      signature: "asas",
      body: [[], [LEASE_TIMERS]],
      action: ACTION,
    },
    signal,
  );
  for (const [name] of rows) {
    if (name === timer) continue;
    const call = { member: "StopUnit", signature: "ss", body: [name, "fail"], action: ACTION };
    await runJob(call, signal).catch((error: unknown) => {
      // It has elapsed meanwhile, or is about to.
      if (!(error instanceof Fault) || error.code !== "SYSTEMD_FAILED") throw error;
    });
  }
}

/** `fail`: while the end of an earlier lease is under way nothing of it is taken back. */
function timerCall(name: string, sinceStartUsec: bigint): ManagerCall {
  const properties = [
    ["Description", ["s", "End of the lease to run units by"]],
    ["DefaultDependencies", ["b", false]],
    ["Requires", ["as", [LEASE_GATE]]],
    ["After", ["as", [LEASE_GATE]]],
    ["TimersMonotonic", ["a(st)", [["OnStartupSec", sinceStartUsec]]]],
    ["AccuracyUSec", ["t", ACCURACY_USEC]],
    ["RemainAfterElapse", ["b", false]],
  ];
  return {
    member: "StartTransientUnit",
    signature: "ssa(sv)a(sa(sv))",
    body: [name, "fail", properties, []],
    action: ACTION,
  };
}

/** A property of the manager, or of a unit. */
function property(
  connection: Connection,
  unit: string | undefined,
  name: string,
  signal: AbortSignal,
): Promise<unknown> {
  const kind = unit === undefined ? "Manager" : "Unit";
  const path = unit === undefined ? "/org/freedesktop/systemd1" : unitPathOf(unit);
  return connection.call<unknown>(
    {
      member: "Get",
      object: { path, interface: "org.freedesktop.DBus.Properties" },
      signature: "ss",
      body: [`org.freedesktop.systemd1.${kind}`, name],
      action: ACTION,
    },
    signal,
  );
}
