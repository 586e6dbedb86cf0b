import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { listen } from "#base/listen.ts";
import type {
  SchemaMachine,
  SchemaReason,
  SchemaUnit,
  SchemaUnitOption,
  SchemaUnitState,
  UnitStateName,
} from "#fleet/core/schema.ts";
import { fleetSection } from "#unitfile/core/fleet-section.ts";
import { matchGlob } from "#unitfile/core/glob.ts";
import { meetsCondition } from "#unitfile/core/metadata-condition.ts";
import { unitDescription } from "#unitfile/core/unit-file.ts";
import { parseUnitName } from "#unitfile/core/unit-name.ts";
import { unitHash } from "#unitfile/unit-hash.ts";

interface FakeUnit {
  readonly name: string;
  options: readonly SchemaUnitOption[];
  desiredState: UnitStateName;
  machineID: string | undefined;
}

const ACT_AFTER_MS = 5; // engine and agents of the fake, together
const PAGE_SIZE = 100; // as fleetd pages its lists

/**
 * A fleet API v1 over an imagined cluster: engine and agents in one, which act a moment after each request.
 * It places units on the machine with the fewest, ties by id. What ExecStart is decides how a unit fares.
 */
export class FakeFleet implements AsyncDisposable {
  readonly machines: readonly SchemaMachine[];
  readonly units = new Map<string, FakeUnit>();
  /** Method and path of each request that came. */
  readonly requests: string[] = [];
  /** Answers every request with this instead, such as 503. */
  broken: { readonly status: number; readonly message: string } | undefined;
  /** The same for what is to change something. */
  refuseWrites: { readonly status: number; readonly message: string } | undefined;
  #states: SchemaUnitState[] = [];
  #acting: NodeJS.Timeout | undefined;
  readonly #server: Server;

  constructor(machines: readonly SchemaMachine[]) {
    this.machines = machines;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async listen(path: string): Promise<void> {
    await listen(this.#server, { kind: "unix", path });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#acting);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** What is reported of a unit from now on, whatever it does. */
  report(state: SchemaUnitState): void {
    this.#states = [...this.#states.filter((s) => !sameReport(s, state)), state];
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://fleet");
    this.requests.push(`${request.method} ${request.url}`);
    const refused = this.broken ?? (request.method === "GET" ? undefined : this.refuseWrites);
    if (refused) return fail(response, refused.status, refused.message);
    const [, , version, resource, item, part] = url.pathname.split("/").map(decodeURIComponent);
    if (version !== "v1") return fail(response, 404, "");
    if (resource === "machines") return page(response, url, "machines", this.machines);
    if (resource === "state") return page(response, url, "states", this.#statesFor(url));
    if (resource !== "units") return fail(response, 404, "");
    if (item === undefined) {
      const names = [...this.units.keys()].toSorted();
      return page(
        response,
        url,
        "units",
        names.map((name) => this.#schema(this.units.get(name)!)),
      );
    }
    if (request.method === "PUT") return this.#put(response, item, await bodyOf(request));
    const unit = this.units.get(item);
    if (unit === undefined) return fail(response, 404, "unit does not exist");
    if (request.method === "DELETE") {
      this.units.delete(item);
      this.#actSoon();
      return void response.writeHead(204).end();
    }
    if (part === "status") return send(response, 200, this.#status(unit, url));
    if (part === "journal") return this.#journal(response, unit, url);
    if (part === "reasons")
      return send(response, 200, {
        unit: item,
        placed: unit.machineID ?? null,
        reasons: this.#reasons(unit),
      });
    return send(response, 200, this.#schema(unit));
  }

  #put(response: ServerResponse, name: string, body: Partial<SchemaUnit>): void {
    const unit = this.units.get(name);
    const { options = [], desiredState } = body;
    if (unit === undefined && options.length === 0)
      return fail(response, 409, "unit does not exist and options field empty");
    if (name.includes("@.") && desiredState !== undefined && desiredState !== "inactive")
      return fail(response, 400, `cannot activate template ${JSON.stringify(name)}`);
    if (
      unit === undefined ||
      (options.length > 0 && unitHash(options) !== unitHash(unit.options))
    ) {
      const state = desiredState ?? "inactive";
      this.units.set(name, { name, options, desiredState: state, machineID: unit?.machineID });
      response.writeHead(201).end();
    } else if (desiredState === undefined)
      return fail(response, 409, "must provide DesiredState to update existing unit");
    else {
      unit.desiredState = desiredState;
      response.writeHead(204).end();
    }
    this.#actSoon();
  }

  #actSoon(): void {
    clearTimeout(this.#acting);
    this.#acting = setTimeout(() => this.#act(), ACT_AFTER_MS);
  }

  #act(): void {
    for (const unit of this.units.values())
      if (unit.desiredState === "inactive" || this.#section(unit).global)
        unit.machineID = undefined;
      else unit.machineID ??= this.#place(unit);
    const old = this.#states;
    this.#states = [];
    for (const unit of this.units.values())
      for (const machineID of this.#machinesOf(unit)) {
        const state = { name: unit.name, hash: unitHash(unit.options), machineID, ...fate(unit) };
        this.#states.push(old.find((s) => sameReport(s, state) && isStuck(s)) ?? state);
      }
  }

  #machinesOf(unit: FakeUnit): string[] {
    if (!this.#section(unit).global) return unit.machineID === undefined ? [] : [unit.machineID];
    if (unit.desiredState === "inactive") return [];
    return this.#reasons(unit).flatMap(({ fits, machineID }) => (fits ? [machineID] : []));
  }

  #place(unit: FakeUnit): string | undefined {
    const load = (id: string) => [...this.units.values()].filter((u) => u.machineID === id).length;
    const fitting = this.#reasons(unit).filter(({ fits }) => fits);
    return fitting.toSorted((a, b) => load(a.machineID) - load(b.machineID))[0]?.machineID;
  }

  #reasons(unit: FakeUnit): SchemaReason[] {
    return this.machines.map((machine) => {
      const why = this.#misfit(unit, machine);
      return { machineID: machine.id, fits: why === undefined, reason: why ?? "fits" };
    });
  }

  #misfit(unit: FakeUnit, machine: SchemaMachine): string | undefined {
    const { conflicts, machineId, machineMetadata, machineOf } = this.#section(unit);
    if (machineId !== undefined && machineId !== machine.id) return `needs machine ${machineId}`;
    const metadata = new Map(Object.entries(machine.metadata));
    const unmet = machineMetadata.find((one) => !meetsCondition(one, { ...machine, metadata }));
    if (unmet !== undefined) return `has not ${unmet.text}`;
    const others = [...this.units.values()].filter((u) => u.machineID === machine.id && u !== unit);
    const rival = others.find((other) => conflicts.some((glob) => matchGlob(glob, other.name)));
    if (rival !== undefined) return `conflicts with ${rival.name}`;
    const missing = machineOf.find((name) => others.every((other) => other.name !== name));
    return missing && `does not run ${missing}`;
  }

  #section(unit: FakeUnit) {
    const options = unit.options.map((option) => ({ ...option, line: 0 }));
    return fleetSection({ options, warnings: [] }, parseUnitName(unit.name));
  }

  #schema(unit: FakeUnit): SchemaUnit {
    const { name, options, desiredState, machineID } = unit;
    const reported = this.#states.some((s) => s.name === name && s.machineID === machineID);
    const currentState = reported ? desiredState : "inactive";
    return { name, options, desiredState, currentState, ...(machineID && { machineID }) };
  }

  #statesFor(url: URL): SchemaUnitState[] {
    const name = url.searchParams.get("unitName");
    return this.#states
      .filter((state) => name === null || state.name === name)
      .toSorted((a, b) => compare(a.name, b.name) || compare(a.machineID, b.machineID));
  }

  #status(unit: FakeUnit, url: URL): { exitStatus: number; text: string } {
    const wanted = url.searchParams.get("machineID");
    const state = this.#states.find(
      (s) => s.name === unit.name && (wanted === null || s.machineID === wanted),
    );
    const active = `${state?.systemdActiveState} (${state?.systemdSubState})`;
    const description = unitDescription({
      options: unit.options.map((option) => ({ ...option, line: 0 })),
      warnings: [],
    });
    const title = description === "" ? unit.name : `${unit.name} - ${description}`;
    const exitStatus = state?.systemdActiveState === "active" ? 0 : 3;
    return { exitStatus, text: `● ${title}\n     Active: ${active}\n` };
  }

  #journal(response: ServerResponse, unit: FakeUnit, url: URL): void {
    const lines = [1, 2, 3].map(
      (i) => `${url.searchParams.get("output")} line ${i} of ${unit.name}\n`,
    );
    response.writeHead(200, { "content-type": "text/plain" });
    response.write(lines.slice(-Number(url.searchParams.get("lines"))).join(""));
    if (url.searchParams.get("follow") !== "true") response.end();
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function sameReport(a: SchemaUnitState, b: SchemaUnitState): boolean {
  return a.name === b.name && a.machineID === b.machineID;
}

/** A unit made to hang in a state by `report`. */
function isStuck({ systemdActiveState }: SchemaUnitState): boolean {
  return systemdActiveState === "activating" || systemdActiveState === "deactivating";
}

function fate(
  unit: FakeUnit,
): Pick<SchemaUnitState, "systemdLoadState" | "systemdActiveState" | "systemdSubState"> {
  const value = (name: string) =>
    unit.options.find((o) => o.section === "Service" && o.name === name)?.value;
  const is = (active: string, sub: string, load = "loaded") => ({
    systemdLoadState: load,
    systemdActiveState: active,
    systemdSubState: sub,
  });
  if (unit.desiredState !== "launched") return is("inactive", "dead");
  if (value("ExecStart") === undefined) return is("inactive", "dead", "bad-setting");
  if (value("ExecStart") === "/bin/false") return is("failed", "failed");
  if (value("Type") === "oneshot" || value("ExecStart") === "/bin/true")
    return is("inactive", "dead");
  return is("active", "running");
}

async function bodyOf(request: IncomingMessage): Promise<Partial<SchemaUnit>> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return JSON.parse(text) as Partial<SchemaUnit>;
}

function page(response: ServerResponse, url: URL, field: string, all: readonly unknown[]): void {
  const token = url.searchParams.get("nextPageToken");
  const number = token === null ? 1 : Buffer.from(token, "base64url").readUInt16LE(2);
  const rows = all.slice((number - 1) * PAGE_SIZE, number * PAGE_SIZE);
  const next = Buffer.alloc(4);
  next.writeUInt16LE(PAGE_SIZE, 0);
  next.writeUInt16LE(number + 1, 2);
  send(response, 200, {
    ...(rows.length > 0 && { [field]: rows }),
    ...(all.length > number * PAGE_SIZE && { nextPageToken: next.toString("base64url") }),
  });
}

function fail(response: ServerResponse, code: number, message: string): void {
  send(response, code, { error: { code, message } });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
