import type { Message } from "dbus-native";
import { Fault } from "#base/fault.ts";
import { ChangeStreams, EVERY_UNIT } from "#systemd/change-stream.ts";
import {
  type Connection,
  connectToSystemd,
  gone,
  type ManagerCall,
  type SystemdAddress,
} from "#systemd/connection.ts";
import { unitNameOfPath } from "#systemd/core/object-path.ts";
import { type ServiceProperties, serviceOutcome } from "#systemd/core/service-outcome.ts";
import { askableName, type UnitRow, unknownUnit } from "#systemd/core/unit-row.ts";
import { JobTracker } from "#systemd/job-tracker.ts";
import { leaseExtender } from "#systemd/lease-calls.ts";
import { SeenOutcomes } from "#systemd/seen-outcomes.ts";
import type {
  Enablement,
  JobResult,
  Systemd,
  TransientService,
  UnitStatus,
} from "#systemd/systemd.ts";

/**
 * Connects to a systemd manager by D-Bus.
 * @throws {Fault} SYSTEMD_MISSING when none answers there
 */
export async function openSystemd(address: SystemdAddress, signal: AbortSignal): Promise<Systemd> {
  const jobs = new JobTracker();
  const changes = new ChangeStreams();
  const outcomes = new SeenOutcomes();
  let isOpen = true;
  const closed = () => {
    isOpen = false;
    jobs.fail(gone("wait for the job"));
    changes.end(gone("follow units"));
  };
  const connection = await connectToSystemd(
    address,
    { signal: (message) => dispatch(message, jobs, changes, outcomes), closed },
    signal,
  );
  const files = unitFileCalls(connection);
  const job = (method: string, name: string, jobSignal: AbortSignal) =>
    jobs.run(() => connection.call<string>(jobCall(method, name), jobSignal), jobSignal);
  return {
    ...files,
    startUnit: (name, s) => job("Start", name, s),
    stopUnit: (name, s) => job("Stop", name, s).catch(whenNoSuchUnit<JobResult>("done")),
    startTransientUnit: (name, service, s) =>
      jobs.run(() => connection.call<string>(transientCall(name, service), s), s),
    extendLease: leaseExtender({
      connection,
      runJob: (call, s) => jobs.run(() => connection.call<string>(call, s), s),
    }),
    restartUnit: (name, s) => job("Restart", name, s),
    reloadUnit: (name, s) => job("Reload", name, s),
    resetFailed: (name, s) =>
      connection
        .call<void>(onUnit("ResetFailedUnit", name, `reset ${name}`), s)
        .catch(whenNoSuchUnit(undefined)),
    isCurrent: (name, s) => isCurrent(connection, name, s),
    status: (names, s) => statusOf(connection, names, s),
    outcome: async (name, s) => (await heldOutcome(connection, name, s)) ?? outcomes.of(name),
    async list(s) {
      const rows = await connection.call<UnitRow[]>(
        { member: "ListUnits", action: "list units" },
        s,
      );
      return rows.map(toStatus);
    },
    changes(s) {
      const stream = changes.open(s);
      if (!isOpen) changes.end(gone("follow units"));
      return stream;
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

type UnitFileCalls = Pick<
  Systemd,
  "reload" | "linkUnitFiles" | "unlinkUnitFiles" | "enableUnitFiles"
>;

function unitFileCalls(connection: Connection): UnitFileCalls {
  return {
    reload: (signal) =>
      connection.call<void>({ member: "Reload", action: "reload unit files" }, signal),
    async linkUnitFiles(paths, signal) {
      const action = `link ${paths.join(" ")}`;
      const body = [paths, true, true];
      await connection.call({ member: "LinkUnitFiles", signature: "asbb", body, action }, signal);
    },
    async unlinkUnitFiles(names, signal) {
      const unlink = (some: readonly string[]) => {
        const action = `unlink ${some.join(" ")}`;
        const body = [some, true];
        return connection.call(
          { member: "DisableUnitFiles", signature: "asb", body, action },
          signal,
        );
      };
      // One unknown name fails the call for all, so then each is unlinked alone.
      await unlink(names).catch(async (error: unknown) => {
        whenNoSuchUnit(undefined)(error);
        if (names.length > 1)
          for (const name of names) await unlink([name]).catch(whenNoSuchUnit(undefined));
      });
    },
    async enableUnitFiles(names, { runtime }, signal) {
      const action = `enable ${names.join(" ")}`;
      const body = [names, runtime, true];
      const call = { member: "EnableUnitFiles", signature: "asbb", body, action };
      const [hasInstall, changes] = await connection.call<[boolean, unknown[]]>(call, signal);
      return { hasInstall, changed: changes.length > 0 } satisfies Enablement;
    },
  };
}

/**
 * Two questions whatever the number of units: which of them are in memory, then, for the others only, what loading
 * them gives (masked, bad setting, not found).
 */
async function statusOf(
  connection: Connection,
  names: readonly string[],
  signal: AbortSignal,
): Promise<UnitStatus[]> {
  const action = "read the state of units";
  const ask = names.filter(askableName); // one bad name would fail the question for all
  const found = new Map<string, UnitStatus>();
  if (ask.length > 0) {
    const body = [[], ask.map((name) => name.replaceAll("\\", "\\\\"))]; // patterns, fnmatch(3)
    const call = { member: "ListUnitsByPatterns", signature: "asas", body, action };
    for (const row of await connection.call<UnitRow[]>(call, signal))
      found.set(row[0], toStatus(row));
  }
  const others = ask.filter((name) => !found.has(name));
  if (others.length > 0) {
    const call = { member: "ListUnitsByNames", signature: "as", body: [others], action };
    const rows = await connection.call<UnitRow[]>(call, signal);
    // One row for each name, in that order; an alias is answered under the unit's own name.
    for (const [i, row] of rows.entries())
      found.set(others[i]!, { ...toStatus(row), name: others[i]! });
  }
  return names.map((name) => found.get(name) ?? unknownUnit(name));
}

async function isCurrent(
  connection: Connection,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  const action = `load ${name}`;
  const path = await connection.call<string>(onUnit("LoadUnit", name, action), signal);
  const [loadState, needsReload] = await Promise.all(
    ["LoadState", "NeedDaemonReload"].map((property) => {
      const object = { path, interface: "org.freedesktop.DBus.Properties" };
      const body = ["org.freedesktop.systemd1.Unit", property];
      return connection.call<unknown>(
        { member: "Get", object, signature: "ss", body, action },
        signal,
      );
    }),
  );
  return loadState === "loaded" && needsReload === false;
}

const SERVICE = "org.freedesktop.systemd1.Service";

/** What systemd says of a service that it holds in memory; asked without loading it. */
async function heldOutcome(connection: Connection, name: string, signal: AbortSignal) {
  if (!askableName(name) || !name.endsWith(".service")) return undefined;
  const action = `read how ${name} ended`;
  const missing = whenNoSuchUnit(undefined);
  const path = await connection
    .call<string>(onUnit("GetUnit", name, action), signal)
    .catch(missing);
  if (path === undefined) return undefined;
  const object = { path, interface: "org.freedesktop.DBus.Properties" };
  const call = { member: "GetAll", object, signature: "s", body: [SERVICE], action };
  // Systemd may drop it between the two questions.
  const properties = await connection.call<ServiceProperties>(call, signal).catch(missing);
  return properties && serviceOutcome(properties);
}

/**
 * UnitNew and UnitRemoved are left out on purpose: asking for a unit's state loads and drops it, so a reader that
 * looks at what changed would cause the next change. A unit that starts, stops or fails also gives the others.
 */
function dispatch(
  message: Message,
  jobs: JobTracker,
  changes: ChangeStreams,
  outcomes: SeenOutcomes,
): void {
  const { path = "", member, body = [] } = message;
  if (member === "JobRemoved") {
    const [, job, unit, result] = body as [number, string, string, string];
    jobs.ended(job, toJobResult(result));
    changes.push(unit);
  } else if (member === "PropertiesChanged" && body[0] === "org.freedesktop.systemd1.Unit") {
    const unit = unitNameOfPath(path);
    if (unit !== undefined) changes.push(unit);
  } else if (member === "PropertiesChanged" && body[0] === SERVICE) {
    const unit = unitNameOfPath(path);
    if (unit !== undefined) outcomes.changed(unit, body[1] as ServiceProperties);
  } else if (member === "Reloading" && body[0] === false) changes.push(EVERY_UNIT);
}

function jobCall(method: string, name: string): ManagerCall {
  const action = `${method.toLowerCase()} ${name}`;
  return { member: `${method}Unit`, signature: "ss", body: [name, "replace"], action };
}

function transientCall(name: string, { description, argv }: TransientService): ManagerCall {
  const literal = argv.map((word) => word.replaceAll("$", "$$$$"));
  const properties = [
    ["Description", ["s", description]],
    ["ExecStart", ["a(sasb)", [[argv[0], literal, false]]]],
  ];
  return {
    member: "StartTransientUnit",
    signature: "ssa(sv)a(sa(sv))",
    body: [name, "replace", properties, []],
    action: `start ${name}`,
  };
}

function onUnit(member: string, name: string, action: string): ManagerCall {
  return { member, signature: "s", body: [name], action };
}

/** Turns systemd's refusal for a unit that it does not hold or know into `value`, and lets other errors pass. */
function whenNoSuchUnit<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Fault && error.facts["error"] === "org.freedesktop.systemd1.NoSuchUnit")
      return value;
    throw error;
  };
}

function toStatus([name, description, loadState, activeState, subState]: UnitRow): UnitStatus {
  return { name, description, loadState, activeState, subState };
}

const JOB_RESULTS: readonly string[] = [
  "done",
  "canceled",
  "timeout",
  "failed",
  "dependency",
  "skipped",
] satisfies JobResult[];

/** Results that systemd has beyond the documented ones (assert, unsupported, collected …) are failures. */
function toJobResult(text: string): JobResult {
  return JOB_RESULTS.includes(text) ? (text as JobResult) : "failed";
}
