import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault } from "#base/fault.ts";
import type { EventsAsked, FleetClient, JournalOptions } from "#fleet/client.ts";
import type { ExecRequest } from "#fleet/core/exec-frames.ts";
import type { SchemaHistory, SchemaRollout } from "#fleet/core/rollout-schema.ts";
import type {
  SchemaAsker,
  SchemaDrain,
  SchemaMachine,
  SchemaMoved,
  SchemaPlan,
  SchemaPlanUnit,
  SchemaReasons,
  SchemaRebalance,
  SchemaTimer,
  SchemaUnit,
  SchemaUnitOption,
  SchemaUnitState,
  SchemaUnitStatus,
  UnitStateName,
} from "#fleet/core/schema.ts";
import type { EventPage } from "#fleet/event-history.ts";
import type { ExecTarget, RemoteProgram } from "#fleet/exec-client.ts";
import { storeAway } from "./store-away.ts";

export interface ApiOptions {
  /** As the person gave them; for messages. */
  readonly endpoints: readonly string[];
  /** Puts into a person's words that no endpoint can be reached; he may not have given one. */
  readonly explain: (message: string) => Promise<string>;
  /** Whether it is for a command of the original, whose messages scripts may know. */
  readonly isOriginal: boolean;
  /** For one call, all pages of a list included. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Told of every call with its duration; undefined without `--debug`. */
  readonly trace: ((text: string) => void) | undefined;
  readonly signal: AbortSignal;
}

/** The fleet API for the life of one command: its signal, the time limit of a call, and machines read once. */
export class Api {
  readonly #open: () => Promise<FleetClient>;
  readonly #options: ApiOptions;
  #client: Promise<FleetClient> | undefined;
  #machines: Promise<ReadonlyMap<string, SchemaMachine>> | undefined;

  /** @param open loads and opens the client; called when it is first needed, since it costs time at the start */
  constructor(open: () => Promise<FleetClient>, options: ApiOptions) {
    this.#open = open;
    this.#options = options;
  }

  units(): Promise<SchemaUnit[]> {
    return this.#call("list units", (client, signal) => client.listUnits(signal));
  }

  unit(name: string): Promise<SchemaUnit | undefined> {
    return this.#call(`get unit ${name}`, (client, signal) => client.getUnit(name, signal));
  }

  create(
    name: string,
    options: readonly SchemaUnitOption[],
    desiredState: UnitStateName,
  ): Promise<"created" | "updated"> {
    const unit = { name, options, desiredState };
    return this.#call(`create unit ${name}`, (client, signal) => client.setUnit(unit, signal));
  }

  async setDesiredState(name: string, desiredState: UnitStateName): Promise<void> {
    await this.#call(`set unit ${name} to ${desiredState}`, (client, signal) =>
      client.setUnit({ name, desiredState }, signal),
    );
  }

  /** False when there was no such unit. */
  destroy(name: string): Promise<boolean> {
    return this.#call(`destroy unit ${name}`, (client, signal) => client.deleteUnit(name, signal));
  }

  states(filter: { readonly unitName?: string }): Promise<SchemaUnitState[]> {
    return this.#call("list states", (client, signal) => client.listStates(filter, signal));
  }

  machineList(): Promise<SchemaMachine[]> {
    return this.#call("list machines", (client, signal) => client.listMachines(signal));
  }

  /** Those that are gone, and that something is on record of, too. */
  allMachines(): Promise<SchemaMachine[]> {
    return this.#call("list all machines", (client, signal) =>
      client.listMachines(signal, { all: true }),
    );
  }

  /** By id, read at the first use; empty when they cannot be read, since they only make output friendlier. */
  machines(): Promise<ReadonlyMap<string, SchemaMachine>> {
    this.#machines ??= this.machineList().then(
      (list) => new Map(list.map((machine) => [machine.id, machine])),
      () => new Map(),
    );
    return this.#machines;
  }

  status(name: string, where: { readonly machineID?: string }): Promise<SchemaUnitStatus> {
    return this.#call(`status of ${name}`, (client, signal) => client.status(name, where, signal));
  }

  reasons(name: string): Promise<SchemaReasons> {
    return this.#call(`reasons of ${name}`, (client, signal) => client.reasons(name, signal));
  }

  rollout(name: string): Promise<SchemaRollout | undefined> {
    return this.#call(`rollout of ${name}`, (client, signal) => client.rollout(name, signal));
  }

  takeBack(name: string): Promise<void> {
    return this.#call(`take back the rollout of ${name}`, (client, signal) =>
      client.takeBack(name, signal),
    );
  }

  history(name: string, version?: number): Promise<SchemaHistory> {
    return this.#call(`history of ${name}`, (client, signal) =>
      client.history(name, version, signal),
    );
  }

  plan(units: readonly SchemaPlanUnit[]): Promise<SchemaPlan> {
    return this.#call("plan", (client, signal) => client.plan(units, signal));
  }

  timers(): Promise<SchemaTimer[]> {
    return this.#call("list timers", (client, signal) => client.listTimers(signal));
  }

  async trigger(name: string, asker: SchemaAsker): Promise<void> {
    await this.#call(`trigger ${name}`, (client, signal) => client.trigger(name, asker, signal));
  }

  events(asked: EventsAsked): Promise<EventPage> {
    return this.#call("read events", (client, signal) => client.events(asked, signal));
  }

  async cordon(machine: string, asker: SchemaAsker): Promise<void> {
    await this.#call(`cordon machine ${machine}`, (client, signal) =>
      client.cordon(machine, asker, signal),
    );
  }

  async uncordon(machine: string, asker: SchemaAsker): Promise<void> {
    await this.#call(`uncordon machine ${machine}`, (client, signal) =>
      client.uncordon(machine, asker, signal),
    );
  }

  async drain(
    machine: string,
    how: SchemaAsker & { readonly deadlineSeconds: number | undefined },
  ): Promise<void> {
    await this.#call(`drain machine ${machine}`, (client, signal) =>
      client.drain(machine, how, signal),
    );
  }

  drainProgress(machine: string): Promise<SchemaDrain> {
    return this.#call(`drain of machine ${machine}`, (client, signal) =>
      client.drainProgress(machine, signal),
    );
  }

  rebalance(includeAtMostOnce: boolean): Promise<SchemaRebalance> {
    return this.#call("rebalance", (client, signal) => client.rebalance(includeAtMostOnce, signal));
  }

  moveUnit(
    unit: string,
    how: SchemaAsker & { readonly machineID: string; readonly force: boolean },
  ): Promise<SchemaMoved> {
    return this.#call(`move unit ${unit}`, (client, signal) => client.moveUnit(unit, how, signal));
  }

  /** Takes as long as its units take to stop. */
  async removeMachine(
    machine: string,
    how: SchemaAsker & { readonly force: boolean },
  ): Promise<void> {
    await this.#call(`remove machine ${machine}`, (client, signal) =>
      client.removeMachine(machine, how, signal),
    );
  }

  /** Runs a command; its connection is the caller's to end. */
  async exec(target: ExecTarget, request: ExecRequest): Promise<RemoteProgram> {
    this.#options.trace?.("exec");
    this.#client ??= this.#open();
    try {
      return await (await this.#client).exec(target, request, this.#options.signal);
    } catch (error) {
      throw await this.#explained(error);
    }
  }

  /** Without a time limit: following ends when the person ends it. */
  async *journal(
    name: string,
    options: JournalOptions,
    signal: AbortSignal,
  ): AsyncGenerator<string> {
    this.#options.trace?.(`journal of ${name}`);
    this.#client ??= this.#open();
    try {
      yield* (await this.#client).journal(name, options, signal);
    } catch (error) {
      throw await this.#explained(error);
    }
  }

  async #call<T>(
    what: string,
    work: (client: FleetClient, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { endpoints, timeoutMs, clock, trace, signal } = this.#options;
    const startMs = clock.monotonicMs();
    try {
      this.#client ??= this.#open();
      const client = await this.#client;
      return await withDeadline({ ms: timeoutMs, clock, what, signal }, (limit) =>
        work(client, limit),
      );
    } catch (error) {
      if (!(error instanceof Fault) || error.code !== "TIMED_OUT")
        throw await this.#explained(error);
      throw new Fault(
        "TIMED_OUT",
        `Cannot ${what}: no answer from ${endpoints.join(" or ")} within ${timeoutMs / 1000} s; see whether fleetd and its store are well, or raise --request-timeout`,
        { cause: error },
      );
    } finally {
      trace?.(`${what}: ${(clock.monotonicMs() - startMs).toFixed(1)} ms`);
    }
  }

  async #explained(error: unknown): Promise<unknown> {
    if (!(error instanceof Fault)) return error;
    if (error.code === "STORE_UNAVAILABLE" && !this.#options.isOriginal) return storeAway(error);
    if (error.code !== "FLEET_UNREACHABLE") return error;
    const message = await this.#options.explain(error.message);
    return message === error.message ? error : new Fault(error.code, message, { cause: error });
  }
}
