import { backoffMs } from "#base/backoff.ts";
import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import type { SetOptions } from "#keys/keys.ts";
import type { ClusterFeed } from "./cluster-feed.ts";
import { HolderWatch } from "./core/holder-watch.ts";
import { type Incarnation, type MachineRecord, writeMachine } from "./core/records.ts";
import type { EventLog } from "./event-log.ts";
import { clearOwnStates } from "./own-states.ts";
import { asSeen, isKeysError, type Registry } from "./registry.ts";

export interface RegistrationOptions {
  readonly machine: MachineRecord;
  readonly incarnation: Incarnation;
  readonly disableEngine: boolean;
  /** Where this machine's fleet API can be reached, if anywhere. */
  readonly api: string | undefined;
  /** The machine's address as of now, where it is not told one; empty while it has none. */
  readonly ownAddress?: (() => Promise<string>) | undefined;
  readonly ttlSeconds: number;
  readonly feed: ClusterFeed;
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
/** Until it is looked again whether a record that another boot left is one. */
const WATCH_MS = 200;

/**
 * Keeps the machine on record: registers it, renews the record about three times per time to live, registers it
 * again when it expired all the same, and keeps trying while the store is away.
 *
 * What an earlier run of this boot left is taken over at once, and what an earlier boot left once nobody renews it any
 * more. A record that another live machine holds under the same id is left alone, and the conflict logged with both
 * addresses, until one of them goes; one that another took while this was out of touch is given up.
 *
 * When fleetd merely stops, the record is left to run out: the next fleetd takes it over, and the units go on. Only
 * `unregister`, at the end of leaving, takes it away.
 */
export class Registration {
  readonly #options: RegistrationOptions;
  readonly #watch: HolderWatch;
  /** As it is to be on record. */
  #machine: MachineRecord;
  /** The address that is on record. */
  #saidAddress = "";
  #registered = false;
  /** When the newest heartbeat was sent that was acknowledged. */
  #ackedMs = Number.NEGATIVE_INFINITY;
  /** When the model shows who registered. */
  #saidIndex = 0;
  /** Which restoring of the store it registered after. */
  #restoredMs = Number.NEGATIVE_INFINITY;
  #ended = false;
  /** A conflict that was logged already. */
  #told = "";

  constructor(options: RegistrationOptions) {
    this.#options = options;
    const { machine, incarnation, ttlSeconds } = options;
    this.#machine = machine;
    this.#watch = new HolderWatch(machine, incarnation, ttlSeconds * 1000);
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
      let isOn = true;
      try {
        isOn = await this.#beat(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) throw error;
        if (failures === 0)
          logger.warn({ reason: reasonOf(error) }, "cannot renew the machine's record");
        failures += 1;
      }
      const beatMs = isOn ? ttlSeconds * 1000 * (0.28 + 0.08 * random()) : WATCH_MS;
      await clock.sleep(failures > 0 ? backoffMs(failures - 1, RETRY, random) : beatMs, signal);
    }
  }

  /** Ends the renewing and takes the record away, so that the engine moves what was placed here at once. */
  async unregister(signal: AbortSignal): Promise<void> {
    this.#ended = true;
    if (this.#registered) await this.#options.registry.unregister(this.#options.machine.id, signal);
  }

  /** Gives whether the machine is on record now. */
  async #beat(signal: AbortSignal): Promise<boolean> {
    const { clock, feed, logger, ttlSeconds } = this.#options;
    const ttlMs = ttlSeconds * 1000;
    const register = () => {
      const limit = { ms: ttlMs, clock, what: "register", signal };
      return withDeadline(limit, (stop) => this.#register(stop));
    };
    await this.#takeAddress();
    // What a restored store says of the machine is to be said anew, and what is gone from it.
    const isOld =
      this.#restoredMs !== feed.restored.beganMs ||
      this.#machine.publicIp !== this.#saidAddress ||
      this.#lacksParts();
    if (!this.#registered || isOld) return register();
    this.#checkHolder();
    try {
      // One that hangs must not let the record run out.
      const limit = { ms: ttlMs / 3, clock, what: "renew the record", signal };
      await withDeadline(limit, (stop) => this.#renew(stop));
      return true;
    } catch (error) {
      if (!isKeysError(error, 100) || this.#ended) throw error;
      logger.warn("the machine's record had expired; registering again");
      return register();
    }
  }

  /** One that has none for now keeps the one that it had. */
  async #takeAddress(): Promise<void> {
    const publicIp = await this.#options.ownAddress?.();
    if (publicIp) this.#machine = { ...this.#machine, publicIp };
  }

  async #renew(signal: AbortSignal): Promise<void> {
    const { clock, machine, registry, ttlSeconds } = this.#options;
    const sentMs = clock.monotonicMs();
    const isLate = sentMs - this.#ackedMs >= (ttlSeconds * 1000) / 2;
    const as = isLate ? await this.#asHeld(signal) : { prevExist: true };
    await registry.refresh(machine.id, ttlSeconds, as, signal);
    this.#acknowledged(sentMs);
  }

  /** Whether something that registering says of the machine is there no more, as when everything was deleted meanwhile. */
  #lacksParts(): boolean {
    const { api, feed, machine } = this.#options;
    if (!feed.isFollowing || feed.index < this.#saidIndex) return false;
    const said = feed.model.machine(machine.id);
    const lacksFacts = machine.facts !== undefined && said?.facts === undefined;
    const lacksApi = api !== undefined && said?.api === undefined;
    return lacksFacts || lacksApi || said?.incarnation === undefined;
  }

  #acknowledged(sentMs: number): void {
    this.#ackedMs = sentMs;
    this.#options.onRenewed(sentMs);
  }

  /** A live machine's record is nobody's to take over: who did is another one. */
  #checkHolder(): void {
    const { feed, incarnation, machine } = this.#options;
    const holder = feed.index < this.#saidIndex ? undefined : feed.model.incarnation(machine.id);
    if (holder !== undefined && holder.instance !== incarnation.instance)
      throw this.#conflict(holder.address);
  }

  /** After a time in which another could take the record over: as it is, if nobody did. */
  async #asHeld(signal: AbortSignal): Promise<SetOptions> {
    const { clock, machine, registry } = this.#options;
    const found = await registry.readMachine(machine.id, signal);
    const holder = this.#watch.otherBoot(found.incarnation);
    if (holder !== undefined) {
      this.#watch.judge(found, clock.monotonicMs());
      throw this.#conflict(holder.address);
    }
    return found.object === undefined ? { prevExist: true } : asSeen(found.object.index);
  }

  async #register(signal: AbortSignal): Promise<boolean> {
    const { registry, incarnation, ttlSeconds, api, clock, disableEngine, feed, logger } =
      this.#options;
    const machine = this.#machine;
    const restoredMs = feed.restored.beganMs;
    const found = await registry.readMachine(machine.id, signal);
    const claim = this.#watch.judge(found, clock.monotonicMs());
    if (claim.kind === "taken") throw this.#conflict(claim.address);
    if (claim.kind === "wait" || (claim.isNewBoot && !feed.isListed)) return false;
    // Before the record, or others would take what ran before this boot for what runs.
    if (claim.isNewBoot) await clearOwnStates(feed.model, registry, machine.id, signal);
    // Before the record, or units would be placed here as if the machine were of any size.
    if (machine.facts !== undefined) await registry.writeFacts(machine.id, machine.facts, signal);
    const how = { ttlSeconds, over: found.object?.index };
    const sentMs = clock.monotonicMs();
    await registry.register(machine.id, writeMachine(machine, disableEngine), how, signal);
    const [saidIndex] = await Promise.all([
      registry.writeIncarnation(machine.id, incarnation, signal),
      registry.setLeaving(machine.id, false, signal),
      registry.setMark(machine.id, "removed", undefined, signal),
      api === undefined ? undefined : registry.writeApi(machine.id, api, signal),
    ]);
    this.#saidIndex = saidIndex;
    this.#registered = true;
    this.#restoredMs = restoredMs;
    this.#saidAddress = machine.publicIp;
    this.#told = "";
    this.#acknowledged(sentMs);
    this.#options.onRegistered();
    logger.info({ machine: machine.id, took: found.object ? "over" : "new" }, "registered");
    return true;
  }

  #conflict(address: string): Fault {
    const { machine, incarnation, events, logger } = this.#options;
    const other = address || "an unknown address";
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
