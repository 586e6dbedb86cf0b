import type { IncomingMessage } from "node:http";
import type { SecureContextOptions } from "node:tls";
import { Fault, type FaultCode, reasonOf } from "#base/fault.ts";
import { type Address, parseTlsAddress } from "#base/listen.ts";
import { tlsReason } from "#base/tls-reason.ts";
import type { ExecRequest } from "./core/exec-frames.ts";
import type {
  SchemaMachine,
  SchemaPlan,
  SchemaPlanUnit,
  SchemaReasons,
  SchemaUnit,
  SchemaUnitOption,
  SchemaUnitState,
  SchemaUnitStatus,
  UnitStateName,
} from "./core/schema.ts";
import type { EventPage } from "./event-history.ts";
import type { ExecTarget, RemoteProgram } from "./exec-client.ts";
import { bodyText, type HttpRequest, httpRequest, messageOf, USER_HEADER } from "./http-request.ts";
import {
  type MachineCall,
  type MachineOperations,
  machineOperations,
} from "./machine-operations.ts";
import { type TimerOperations, timerOperations } from "./timer-operations.ts";
import { type UnitTexts, unitTexts, unlessMissing } from "./unit-texts.ts";
import { type SparseUnit, wholeMachine, wholeState, wholeUnit } from "./whole-answers.ts";

export interface EventsAsked {
  /** A time as ISO 8601 writes it, or a position that an answer gave as `next`. */
  readonly since?: string;
  /** A name or a glob. */
  readonly unit?: string;
  /** An id or its beginning. */
  readonly machine?: string;
  readonly wait?: number;
  /** Only the newest of them. */
  readonly limit?: number;
}

export interface JournalOptions {
  readonly machineID?: string;
  /** How many lines back to begin, or all of them; default 10. */
  readonly lines?: number | "all";
  /** As journalctl takes them: from when, until when, and what a line has to match. */
  readonly since?: string;
  readonly until?: string;
  readonly grep?: string;
  /** journalctl's `--output`; default `short`. */
  readonly output?: string;
  /** Go on with new lines until the signal aborts. */
  readonly follow?: boolean;
}

/**
 * The fleet API v1 as a client sees it. Every method rejects with a Fault: FLEET_UNREACHABLE when no endpoint
 * answers, STORE_UNAVAILABLE when the daemon has lost the store, UNIT_NOT_FOUND and FLEET_REFUSED (with the
 * HTTP status in `facts.status`) with the server's own sentence.
 */
export interface FleetClient extends MachineOperations, TimerOperations, UnitTexts {
  /** All pages, sorted by name. */
  listUnits(signal: AbortSignal): Promise<SchemaUnit[]>;
  /** Undefined when there is no such unit. */
  getUnit(name: string, signal: AbortSignal): Promise<SchemaUnit | undefined>;
  /** Creates the unit (which needs `options`), or sets the desired state of one that exists. */
  setUnit(
    unit: {
      readonly name: string;
      readonly desiredState?: UnitStateName;
      readonly options?: readonly SchemaUnitOption[];
    },
    signal: AbortSignal,
  ): Promise<"created" | "updated">;
  /** False when there was no such unit. */
  deleteUnit(name: string, signal: AbortSignal): Promise<boolean>;
  /** Sorted by name, then machine. */
  listStates(
    filter: { readonly unitName?: string; readonly machineID?: string },
    signal: AbortSignal,
  ): Promise<SchemaUnitState[]>;
  /** Sorted by id; with `all` also those that are gone and that something is on record of. */
  listMachines(signal: AbortSignal, options?: { readonly all?: boolean }): Promise<SchemaMachine[]>;
  /** Runs a command beside a unit or on a machine; see openExec. */
  exec(target: ExecTarget, request: ExecRequest, signal: AbortSignal): Promise<RemoteProgram>;
  /** `systemctl status` where the unit runs; `machineID` chooses among the machines of a global unit. */
  status(
    name: string,
    options: { readonly machineID?: string },
    signal: AbortSignal,
  ): Promise<SchemaUnitStatus>;
  /** Pieces of text as they come, not lines. */
  journal(name: string, options: JournalOptions, signal: AbortSignal): AsyncIterable<string>;
  reasons(name: string, signal: AbortSignal): Promise<SchemaReasons>;
  /** What happened; with `wait`, in seconds, when nothing did, what happens next within that time. */
  events(query: EventsAsked, signal: AbortSignal): Promise<EventPage>;
  /** What writing these units would do; nothing is written. */
  plan(units: readonly SchemaPlanUnit[], signal: AbortSignal): Promise<SchemaPlan>;
  /** Makes the endpoint's own machine stop its units and leave the cluster, then resolves. */
  leave(machineID: string, signal: AbortSignal): Promise<void>;
}

/** How long an endpoint may be silent before another is asked; the slowest answer of a daemon that is well takes less. */
const ANSWER_MS = 2_000;

interface FleetClientOptions {
  readonly endpoints: readonly string[];
  /** What its user gives a call in all: no endpoint takes more than its share of it while another is left to ask. */
  readonly timeoutMs?: number;
  /** Who asks, as USER@HOST, for the record. */
  readonly user?: string;
  /** For endpoints with https: whom to trust, and the certificate to show. */
  readonly tls?: SecureContextOptions;
}

/**
 * Opens nothing yet: each call connects by itself, to the endpoint that answered last, else to the next.
 * @throws {Fault} CONFIG_INVALID for an endpoint that is neither `unix://PATH` nor `http[s]://HOST:PORT`.
 */
export function openFleetClient(options: FleetClientOptions): FleetClient {
  const ask = failover(options);
  return {
    ...textsOf(ask),
    ...machineOperations(machineCall(ask)),
    ...timerOperations(machineCall(ask)),
    listUnits: async (signal) =>
      (await allPages<SparseUnit>(ask, "units", "units", {}, signal)).map(wholeUnit),
    listMachines: async (signal, { all = false } = {}) => {
      const filter = all ? { all: "true" } : {};
      const pages = allPages<Partial<SchemaMachine>>(ask, "machines", "machines", filter, signal);
      return (await pages).map(wholeMachine);
    },
    listStates: async (filter, signal) => {
      const pages = allPages<Partial<SchemaUnitState>>(ask, "state", "states", filter, signal);
      return (await pages).map(wholeState);
    },
    getUnit: (name, signal) =>
      unlessMissing(async () =>
        wholeUnit(await json<SparseUnit>(ask, { path: unitPath(name) }, signal)),
      ),
    setUnit: async (unit, signal) => {
      const body = JSON.stringify(unit);
      const headers = { "content-type": "application/json" };
      const answer = await ask({ method: "PUT", path: unitPath(unit.name), headers, body }, signal);
      await accepted(answer, `set unit ${unit.name}`);
      return answer.statusCode === 201 ? "created" : "updated";
    },
    deleteUnit: async (name, signal) => {
      const gone = await unlessMissing(async () =>
        accepted(
          await ask({ method: "DELETE", path: unitPath(name) }, signal),
          `destroy unit ${name}`,
        ),
      );
      return gone !== undefined;
    },
    ...consoleCalls(ask, options),
    leave: async (machineID, signal) => {
      const path = `/fleet/v1/machines/${encodeURIComponent(machineID)}/leave`;
      await accepted(
        await ask({ method: "POST", path, takesLong: true }, signal),
        `leave with machine ${machineID}`,
      );
    },
  };
}

type ConsoleCalls = Pick<
  FleetClient,
  "status" | "exec" | "journal" | "reasons" | "events" | "plan"
>;

/** What is asked of the cluster beside its units and machines. */
function consoleCalls(ask: Ask, options: FleetClientOptions): ConsoleCalls {
  return {
    status: (name, where, signal) =>
      json<SchemaUnitStatus>(
        ask,
        { path: `${unitPath(name)}/status${query({ ...where })}` },
        signal,
      ),
    exec: async (target, request, signal) =>
      (await import("./exec-client.ts")).openExec(options, target, request, signal),
    journal: (name, how, signal) => journalText(ask, name, how, signal),
    reasons: (name, signal) =>
      json<SchemaReasons>(ask, { path: `${unitPath(name)}/reasons` }, signal),
    events: (asked, signal) =>
      json<EventPage>(
        ask,
        { path: `/fleet/v1/events${query({ ...asked })}`, takesLong: asked.wait !== undefined },
        signal,
      ),
    plan: (units, signal) => {
      const body = JSON.stringify({ units });
      const headers = { "content-type": "application/json" };
      // A large cluster is copied before it is planned for.
      const request = { method: "POST", path: "/fleet/v1/plan", headers, body, takesLong: true };
      return json<SchemaPlan>(ask, request, signal);
    },
  };
}

/** What is asked about the texts of units. */
function textsOf(ask: Ask): UnitTexts {
  return unitTexts(
    (name, part, signal) => json(ask, { path: `${unitPath(name)}/${part}` }, signal),
    async (name, part, signal) => {
      const path = `${unitPath(name)}/${part}`;
      await accepted(await ask({ method: "DELETE", path }, signal), `remove ${part} of ${name}`);
    },
  );
}

/** Asks for something to be done with a machine. */
function machineCall(ask: Ask): MachineCall {
  return async ({ action, body, missing = "MACHINE_NOT_FOUND", ...request }, signal) => {
    const json = body && {
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    };
    const answer = await ask({ ...request, ...json, takesLong: true }, signal);
    return accepted(answer, action, missing);
  };
}

interface Question extends HttpRequest {
  /** Silence says nothing: the answer begins when all is done, or with the first line of a journal. */
  readonly takesLong?: boolean;
}

type Ask = (question: Question, signal: AbortSignal) => Promise<IncomingMessage>;

function unitPath(name: string): string {
  return `/fleet/v1/units/${encodeURIComponent(name)}`;
}

function query(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`],
  );
  return given.length === 0 ? "" : `?${given.join("&")}`;
}

/**
 * Asks the endpoint that answered last, and the others in turn when it does not answer in time, or has lost the store.
 * Every request of this API may be repeated: asked twice it comes to the same.
 */
function failover({
  endpoints,
  timeoutMs = Number.POSITIVE_INFINITY,
  user,
  tls,
}: FleetClientOptions): Ask {
  const addresses: readonly Address[] = endpoints.map(parseTlsAddress);
  const shareMs = Math.min(ANSWER_MS, timeoutMs / addresses.length);
  let current = 0;
  return async ({ takesLong = false, ...request }, signal) => {
    const tried: string[] = [];
    let without: IncomingMessage | undefined;
    const first = current; // other calls may move it meanwhile
    for (let i = 0; i < addresses.length; i++) {
      const at = (first + i) % addresses.length;
      const hasOther = i + 1 < addresses.length || without !== undefined;
      const limit = hasOther && !takesLong ? { answerMs: shareMs } : {};
      try {
        const headers = { ...(user !== undefined && { [USER_HEADER]: user }), ...request.headers };
        const asked = { ...request, ...limit, headers };
        const answer = await httpRequest(addresses[at]!, asked, signal, tls);
        if (answer.statusCode === 503) {
          without?.destroy();
          without = answer;
          continue;
        }
        if (isForeign(answer)) {
          answer.destroy();
          throw new Error("something else answers there, no fleet API: HTTP status 404");
        }
        without?.destroy();
        current = at;
        return answer;
      } catch (error) {
        signal.throwIfAborted();
        tried.push(`${endpoints[at]} (${tlsReason(error) ?? reasonOf(error)})`);
      }
    }
    if (without !== undefined) return without;
    throw new Fault(
      "FLEET_UNREACHABLE",
      `Cannot reach fleet: no endpoint answered: ${tried.join(", ") || "none is configured"}; is fleetd running there?`,
    );
  };
}

/** Whether the server does not know the paths of this API: fleetd says in JSON what it has not found, etcd in text. */
function isForeign({ statusCode, headers }: IncomingMessage): boolean {
  return statusCode === 404 && !headers["content-type"]?.startsWith("application/json");
}

/** The body of an answer that says yes; otherwise the Fault it amounts to. */
async function accepted(
  answer: IncomingMessage,
  action: string,
  missing: FaultCode = "UNIT_NOT_FOUND",
): Promise<string> {
  const body = await bodyText(answer);
  const status = answer.statusCode ?? 0;
  if (status >= 200 && status < 300) return body;
  throw refusal(status, body, action, missing);
}

function refusal(status: number, body: string, action: string, missing: FaultCode): Fault {
  const codes: Readonly<Record<number, FaultCode>> = {
    404: missing,
    503: "STORE_UNAVAILABLE",
  };
  const said = messageOf(body);
  if (status === 404 && said === "")
    return new Fault(
      "FLEET_REFUSED",
      `Cannot ${action}: the fleetd that was asked, or the one of the machine that this is about, has no such request; it is the original's, or an older one`,
      { facts: { status, unknown: 1 } },
    );
  const message = said || `Cannot ${action}: fleetd answered with HTTP status ${status}`;
  return new Fault(codes[status] ?? "FLEET_REFUSED", message, { facts: { status } });
}

async function json<T>(ask: Ask, request: Question, signal: AbortSignal): Promise<T> {
  const text = await accepted(await ask(request, signal), `read ${request.path}`);
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new Fault(
      "FLEET_REFUSED",
      `Cannot read ${request.path}: the answer is no JSON: ${reasonOf(cause)}; is this endpoint a fleetd?`,
      { cause },
    );
  }
}

/** Entries of a page as this client asks for them; a server that gives fewer is asked more often. */
const PAGE = "5000";

async function allPages<T>(
  ask: Ask,
  resource: string,
  field: string,
  filter: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<T[]> {
  const all: T[] = [];
  let next: { limit?: string; nextPageToken?: string | undefined } = { limit: PAGE };
  do {
    const path = `/fleet/v1/${resource}${query({ ...filter, ...next })}`;
    const page = await json<Record<string, unknown>>(ask, { path }, signal);
    all.push(...((page[field] ?? []) as T[]));
    next = { nextPageToken: page["nextPageToken"] as string | undefined };
  } while (next.nextPageToken !== undefined);
  return all;
}

async function* journalText(
  ask: Ask,
  name: string,
  options: JournalOptions,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const path = `${unitPath(name)}/journal${query({ ...options })}`;
  const answer = await ask({ path, takesLong: true }, signal);
  if (answer.statusCode !== 200) await accepted(answer, `read the journal of ${name}`);
  answer.setEncoding("utf8");
  try {
    for await (const chunk of answer) yield chunk as string;
  } catch (cause) {
    signal.throwIfAborted();
    throw new Fault(
      "FLEET_UNREACHABLE",
      `Cannot read the journal of ${name} to its end: ${reasonOf(cause)}; ask again`,
      { cause },
    );
  }
}
