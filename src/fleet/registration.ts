import { backoffMs } from "#base/backoff.ts";
import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import {
  type Incarnation,
  type MachineRecord,
  readIncarnation,
  readMachine,
  writeMachine,
} from "./core/records.ts";
import type { EventLog } from "./event-log.ts";
import { isKeysError, type Registry } from "./registry.ts";

export interface RegistrationOptions {
  readonly machine: MachineRecord;
  readonly incarnation: Incarnation;
  readonly disableEngine: boolean;
  /** Where this machine's fleet API can be reached, if anywhere. */
  readonly api: string | undefined;
  readonly ttlSeconds: number;
  readonly registry: Registry;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Called when a heartbeat, sent at `sentMs` of the monotonic clock, was acknowledged. */
  readonly onRenewed: (sentMs: number) => void;
  /** Called when this daemon may speak for its machine (again). */
  readonly onRegistered: () => void;
}

const RETRY = { baseMs: 200, maxMs: 1_000 };

/**
 * Keeps the machine on record: registers it, renews the record about three times per time to live, registers it
 * again when it expired all the same, and keeps trying while the store is away.
 *
 * What an earlier run of this machine left is taken over at once. A record that another live machine holds under the
 * same id is left alone, and the conflict logged with both addresses, until one of them goes.
 *
 * When fleetd merely stops, the record is left to run out: the next fleetd takes it over, and the units go on. Only
 * `unregister`, at the end of leaving, takes it away.
 */
export class Registration {
  readonly #options: RegistrationOptions;
  #registered = false;
  #ended = false;
  /** A conflict that was logged already. */
  #told = "";

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** Whether this daemon may speak for its machine: it registered, and nobody else did since. */
  get isRegistered(): boolean {
    return this.#registered;
  }

  /** Why this daemon may not speak for its machine: another live one has the id. */
  get conflict(): string | undefined {
    return this.#told === "" ? undefined : this.#conflictText(this.#told);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, logger, ttlSeconds } = this.#options;
    let failures = 0;
    while (!this.#ended) {
      try {
        // A beat that hangs must not let the record run out.
        const limit = { ms: (ttlSeconds * 1000) / 3, clock, what: "renew the record", signal };
        await withDeadline(limit, (stop) => this.#beat(stop));
        failures = 0;
      } catch (error) {
        if (signal.aborted) throw error;
        if (failures === 0)
          logger.warn({ reason: reasonOf(error) }, "cannot renew the machine's record");
        failures += 1;
      }
      const pauseMs =
        failures > 0
          ? backoffMs(failures - 1, RETRY, random)
          : ttlSeconds * 1000 * (0.28 + 0.08 * random());
      await clock.sleep(pauseMs, signal);
    }
  }

  /** Ends the renewing and takes the record away, so that the engine moves what was placed here at once. */
  async unregister(signal: AbortSignal): Promise<void> {
    this.#ended = true;
    if (this.#registered) await this.#options.registry.unregister(this.#options.machine.id, signal);
  }

  async #beat(signal: AbortSignal): Promise<void> {
    if (!this.#registered) return this.#register(signal);
    const { registry, machine, ttlSeconds, logger } = this.#options;
    try {
      const sentMs = this.#options.clock.monotonicMs();
      await registry.refresh(machine.id, ttlSeconds, signal);
      this.#options.onRenewed(sentMs);
    } catch (error) {
      if (!isKeysError(error, 100) || this.#ended) throw error;
      logger.warn("the machine's record had expired; registering again");
      await this.#register(signal);
    }
  }

  async #register(signal: AbortSignal): Promise<void> {
    const { registry, machine, incarnation, ttlSeconds, api, disableEngine, logger } =
      this.#options;
    const found = await registry.readMachine(machine.id, signal);
    const other = found.object && this.#otherHolder(found.object.value, found.incarnation);
    if (other !== undefined) throw this.#conflict(other);
    // Before the record, or units would be placed here as if the machine were of any size.
    if (machine.facts !== undefined) await registry.writeFacts(machine.id, machine.facts, signal);
    const how = { ttlSeconds, over: found.object?.index };
    const sentMs = this.#options.clock.monotonicMs();
    await registry.register(machine.id, writeMachine(machine, disableEngine), how, signal);
    await registry.writeIncarnation(machine.id, incarnation, signal);
    await registry.setLeaving(machine.id, false, signal);
    await registry.setMark(machine.id, "removed", undefined, signal);
    if (api !== undefined) await registry.writeApi(machine.id, api, signal);
    this.#registered = true;
    this.#told = "";
    this.#options.onRenewed(sentMs);
    this.#options.onRegistered();
    logger.info({ machine: machine.id, took: found.object ? "over" : "new" }, "registered");
  }

  /** The address of the live machine that holds our id, unless the record is our own leftover. */
  #otherHolder(object: string, incarnation: string | undefined): string | undefined {
    const { machine, incarnation: mine } = this.#options;
    const theirs = incarnation === undefined ? undefined : readIncarnation(incarnation);
    if (theirs !== undefined && "value" in theirs) {
      const { instance, address } = theirs.value;
      const isOwn = instance === mine.instance || (address !== "" && address === mine.address);
      return isOwn ? undefined : address || "an unknown address";
    }
    // The original writes no incarnation; an unreadable record belongs to nobody.
    const record = readMachine(object);
    if (!("value" in record) || record.value.publicIp === machine.publicIp) return undefined;
    return record.value.publicIp || "an unknown address";
  }

  #conflict(other: string): Fault {
    const { machine, incarnation, events, logger } = this.#options;
    this.#registered = false;
    const fault = new Fault("MACHINE_ID_TAKEN", this.#conflictText(other));
    if (this.#told !== other) {
      logger.error({ other }, fault.message);
      const who = `fleetd at ${incarnation.address || "an unknown address"}`;
      events.tell({ what: "refused", machine: machine.id, who, why: fault.message });
    }
    this.#told = other;
    return fault;
  }

  #conflictText(other: string): string {
    const { machine, incarnation } = this.#options;
    return `Cannot register machine ${machine.id} at ${incarnation.address || "an unknown address"}: a live machine at ${other} has the same id; give one of them another /etc/machine-id, see machine-id(5)`;
  }
}
