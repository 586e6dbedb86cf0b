import type { Clock } from "#base/clock.ts";
import type { Logger } from "#base/logger.ts";
import type { Mirror, MirrorChange, MirrorState, Rollback } from "#keys/mirror.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { ClusterModel, type Effect } from "./core/cluster-model.ts";
import type { FleetKeys } from "./core/fleet-keys.ts";
import { withRemoved } from "./core/known-machines.ts";
import { type LeaseWaits, leaseWaits, longestLeaseMs, mayRunUntilMs } from "./core/lease-waits.ts";
import type { MachineId } from "./core/machine-id.ts";
import {
  type Absence,
  type PresenceOptions,
  PresenceTracker,
  type SecondPath,
  type Verdict,
} from "./core/presence-tracker.ts";
import { lockUnknownUntilMs } from "./core/restored-locks.ts";
import { RestoredStore, readRestoredNote, SETTLE_MS } from "./core/restored-store.ts";
import { type Evidence, Suspicions } from "./core/suspicion.ts";
import { isRestored } from "./store-memory.ts";
import type { StoreRecord } from "./unit-files.ts";

/** Keys that are copied in one go, within a millisecond or so. */
const COPIED_AT_ONCE = 200;
/** Of whom nothing is known while the store is not followed. */
const UNKNOWN_ABSENCE: Absence = { sinceMs: Number.POSITIVE_INFINITY, how: "missing" };
/** When asking a machine beside the store comes to nothing for so long, what the store says counts alone. */
const ASKING_MAX_MS = 3_000;

/** How the daemon's record of the store is read, before anything is taken from the store. */
export type RecallStore = () => Promise<StoreRecord | undefined>;

export type Listener = (effects: readonly Effect[]) => void;

export interface FeedOptions {
  readonly mirror: Mirror;
  readonly keys: FleetKeys;
  readonly presence: PresenceOptions;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The one view of the cluster that a daemon's engine, agent and API share: a model that follows the mirror, and who
 * of its machines is lost. Listeners hear what changed after the model has it; they only look, and return at once.
 */
export class ClusterFeed {
  readonly model: ClusterModel;
  /** Machines whose record is gone, as far as this daemon asks them itself. */
  readonly suspicions: Suspicions;
  readonly #mirror: Mirror;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #presence: PresenceTracker;
  readonly #ttlMs: number;
  readonly #listeners = new Set<Listener>();
  readonly #waiters = new Set<{ readonly index: number; readonly resolve: () => void }>();
  readonly #told = new Map<string, string>();
  #followingSinceMs: number | undefined;
  #index = 0;
  /** What was remembered of the store when this began, until it is compared with what is listed. */
  #remembered: StoreRecord | undefined;
  #rollback: Rollback | undefined;
  #foundRestored: number | undefined;
  #listed = false;

  constructor({ mirror, keys, presence, clock, logger }: FeedOptions) {
    this.model = new ClusterModel(keys, new RestoredStore((key) => mirror.get(key)?.modifiedIndex));
    this.#mirror = mirror;
    this.#clock = clock;
    this.#logger = logger;
    this.#presence = new PresenceTracker(presence);
    this.#ttlMs = presence.ttlMs;
    this.suspicions = new Suspicions({ patienceMs: presence.ttlMs, askingMaxMs: ASKING_MAX_MS });
  }

  get state(): MirrorState {
    return this.#mirror.state;
  }

  /** What of the store is only a backup's word. */
  get restored(): RestoredStore {
    return this.model.restored;
  }

  /** The index with which this daemon itself found the store restored; undefined while it did not. */
  get foundRestored(): number | undefined {
    return this.#foundRestored;
  }

  /** Whether the whole cluster was read at least once. */
  get isListed(): boolean {
    return this.#listed;
  }

  get isFollowing(): boolean {
    return this.#mirror.state.state === "following";
  }

  /** All changes up to this index of the store are in the model. */
  get index(): number {
    return this.#index;
  }

  /** When the key was last changed, if it is there. */
  indexOf(key: string): number | undefined {
    return this.#mirror.get(key)?.modifiedIndex;
  }

  /** What is to be remembered of the store; undefined while nothing was listed. */
  storeRecord(): StoreRecord | undefined {
    if (!this.#listed) return undefined;
    const { index: restoredIndex, settlesMs } = this.restored;
    const isSettled = this.#clock.monotonicMs() >= settlesMs;
    return { cluster: this.#mirror.clusterId, index: this.#index, restoredIndex, isSettled };
  }

  /** Which machines that hold units are lost, as of now. */
  verdict(): Verdict {
    this.#syncPresence();
    const { holders, machines } = this.model;
    const suspects = new Set(this.suspects());
    const second: SecondPath = {
      askingMaxMs: ASKING_MAX_MS,
      evidence: (machine, nowMs) =>
        suspects.has(machine) ? this.#evidence(machine, nowMs) : undefined,
    };
    const nowMs = this.#clock.monotonicMs();
    const verdict = this.#presence.judge(holders, machines, nowMs, second, this.#stayed());
    return this.isFollowing ? withRemoved(verdict, this.model) : verdict;
  }

  /** Machines that neither left nor were removed, and may be expected back. */
  *#stayed(): Iterable<MachineId> {
    for (const id of this.model.knownMachines) {
      const { incarnation, leaving, removed } = this.model.machine(id) ?? {};
      if (incarnation !== undefined && leaving !== true && removed === undefined) yield id;
    }
  }

  /** What is known by asking, here or by the engine that leads. */
  #evidence(machine: MachineId, nowMs: number): Evidence {
    if (this.suspicions.isAsking) return this.suspicions.evidence(machine, nowMs);
    const isHeld = this.model.machine(machine)?.held !== undefined;
    const address = this.model.api(machine) ?? "";
    return isHeld ? { state: "alive", address, sinceMs: nowMs, heardMs: nowMs } : undefined;
  }

  /** Machines to be asked beside the store: they can be, their record went, and nobody took it away on purpose. */
  suspects(): MachineId[] {
    const { model, suspicions } = this;
    this.#syncPresence();
    const absent = this.#presence.absent(model.holders, model.machines);
    const askable = absent.filter(
      (id) => model.api(id) !== undefined && model.incarnation(id) !== undefined,
    );
    for (const id of suspicions.machines) if (!askable.includes(id)) suspicions.clear(id);
    for (const id of askable) suspicions.suspect(id, this.#clock.monotonicMs());
    return askable;
  }

  /** What is wrong with this view of the store, in words; undefined while it is followed. */
  trouble(): string | undefined {
    const { state } = this;
    if (state.state === "following" && this.#listed) return undefined;
    const seconds = Math.round((this.#clock.monotonicMs() - state.sinceMs) / 1000);
    const reason = state.state === "lost" ? state.reason : "not listed yet";
    return `stale since ${seconds} s: ${reason}`;
  }

  /** Which leased units stay for now where they are placed, for their machine is gone and may not have stopped them. */
  leaseWaits(): LeaseWaits {
    this.#syncPresence();
    const absence = (machine: MachineId) => this.#presence.absence(machine) ?? UNKNOWN_ABSENCE;
    const nowMs = this.#clock.monotonicMs();
    const wallMs = this.#clock.now().getTime();
    const wallAt = (atMs: number) => new Date(Math.ceil((wallMs + atMs - nowMs) / 1_000) * 1_000);
    return leaseWaits(this.model, { absence, ttlMs: this.#ttlMs, nowMs, wallAt });
  }

  /** Machines whose units stay though they are gone, with the reason; for the unit's own, also why it waits there. */
  heldFor(unit: UnitName): ReadonlyMap<MachineId, string> {
    const { held } = this.verdict();
    const target = this.model.jobs.get(unit)?.target?.value;
    const wait = this.leaseWaits().waits.get(unit);
    return target === undefined || wait === undefined ? held : new Map([...held, [target, wait]]);
  }

  /** Until when a machine that is gone may run a leased unit; undefined while that cannot be told. */
  mayRunUntilMs(machine: MachineId, stopMs: number): number | undefined {
    this.#syncPresence();
    const absence = this.#presence.absence(machine);
    return absence && mayRunUntilMs(absence, this.longestLeaseMs(machine), stopMs);
  }

  /** How long after a heartbeat the machine may run leased units, in milliseconds. */
  longestLeaseMs(machine: MachineId): number {
    return longestLeaseMs(this.model, machine, this.#ttlMs);
  }

  /** Until when nobody can tell who holds the unit's lock, for the store was restored; undefined when it can be told. */
  lockUnknownUntilMs(unit: UnitName): number | undefined {
    const untilMs = lockUnknownUntilMs(this.model, unit, this.#ttlMs);
    return untilMs !== undefined && this.#clock.monotonicMs() < untilMs ? untilMs : undefined;
  }

  /** The cluster as the mirror has it, as a model of its own that may be changed; others get their turn meanwhile. */
  async copy(signal: AbortSignal): Promise<ClusterModel> {
    const copy = new ClusterModel(this.model.keys, this.restored);
    for (const [i, { key, value, modifiedIndex }] of this.#mirror.entries().entries()) {
      copy.apply({ key, after: { value, modifiedIndex }, by: undefined });
      if (i % COPIED_AT_ONCE === COPIED_AT_ONCE - 1) await this.#clock.sleep(0, signal);
    }
    return copy;
  }

  subscribe(listener: Listener): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  /** Resolves when the model shows what was written at this index; undefined is nothing to wait for. */
  async seen(index: number | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (index === undefined || index <= this.#index) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { index, resolve };
    const abort = () => reject(signal.reason);
    this.#waiters.add(waiter);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await promise;
    } finally {
      this.#waiters.delete(waiter);
      signal.removeEventListener("abort", abort);
    }
  }

  /** Follows until aborted; listeners are also told, with nothing changed, when the store is lost or found. */
  async run(recall: RecallStore, signal: AbortSignal): Promise<void> {
    const changes = this.#mirror.changes(signal);
    this.#remembered = await recall();
    const states = this.#followState(signal);
    for await (const batch of changes) this.#take(batch);
    await states;
  }

  /** Before a change is taken: whether the store it is from went back in time. */
  #syncRestored(): void {
    const { index, clusterId: cluster, rolledBack } = this.#mirror;
    const remembered = this.#remembered;
    this.#remembered = undefined;
    const nowMs = this.#clock.monotonicMs();
    if (remembered?.restoredIndex !== undefined)
      this.model.restore(
        remembered.restoredIndex,
        remembered.isSettled === true ? nowMs - SETTLE_MS : nowMs,
      );
    const isOther = remembered !== undefined && isRestored(remembered, { index, cluster });
    if (!isOther && rolledBack === this.#rollback) return;
    this.#rollback = rolledBack;
    const at = rolledBack?.listedIndex ?? index;
    this.#logger.error(
      { index: at },
      "the store was restored: what runs goes on, whatever it says",
    );
    this.#foundRestored = at;
    this.model.restore(at, nowMs);
    this.#index = 0;
  }

  async #followState(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await this.#mirror.whenFollowing(signal);
        this.#listed ||= this.#mirror.size === 0;
        this.#logger.info("store found");
        this.#notify([]);
        await this.#mirror.whenLost(signal);
        const { state } = this.#mirror;
        this.#logger.warn(
          { reason: state.state === "lost" ? state.reason : "" },
          "store lost; units stay as they are",
        );
        this.#syncPresence();
        this.#notify([]);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  #take(batch: readonly MirrorChange[]): void {
    this.#syncPresence();
    this.#syncRestored();
    const nowMs = this.#clock.monotonicMs();
    this.#presence.heard(nowMs);
    const effects: Effect[] = [];
    for (const { key, after, event } of batch) {
      const by = event && { key: event.node.key, action: event.action };
      const effect = this.model.apply({ key, after, by });
      effects.push(effect);
      if (effect.kind === "machine") this.#trackPresence(effect, nowMs);
      const index = event?.node.modifiedIndex ?? this.#mirror.index;
      this.restored.heard(key, event?.node.modifiedIndex ?? after?.modifiedIndex ?? 0);
      if (index > this.#index) this.#index = index;
    }
    this.#listed = true;
    this.#tellProblems();
    this.#notify(effects);
    if (this.#learnRestored(nowMs)) this.#notify([]);
    for (const waiter of this.#waiters) if (waiter.index <= this.#index) waiter.resolve();
  }

  /** The store took a write of this machine's: it is there, also while it has nothing to tell. */
  heard(): void {
    this.#syncPresence();
    this.#presence.heard(this.#clock.monotonicMs());
  }

  /** Whether others know something of the store's restoring that is news here. */
  #learnRestored(nowMs: number): boolean {
    const noted = this.#mirror.get(this.model.keys.restored);
    const note = noted && readRestoredNote(noted.value);
    return note !== undefined && "value" in note && this.model.learnRestored(note.value, nowMs);
  }

  #trackPresence({ machine, gone }: Effect & { kind: "machine" }, nowMs: number): void {
    if (this.model.machines.has(machine)) this.#presence.returned(machine, nowMs);
    else if (gone !== undefined) this.#presence.departed(machine, gone, nowMs);
  }

  /** The mirror may have been lost and found again since anybody looked. */
  #syncPresence(): void {
    const state = this.#mirror.state;
    const sinceMs = state.state === "following" ? state.sinceMs : undefined;
    if (sinceMs === this.#followingSinceMs) return;
    this.#followingSinceMs = sinceMs;
    this.#presence.interrupt();
    if (sinceMs !== undefined) this.#presence.follow(sinceMs);
  }

  /** Each problem is logged once, when it begins. */
  #tellProblems(): void {
    const { problems } = this.model;
    for (const key of this.#told.keys()) if (!problems.has(key)) this.#told.delete(key);
    for (const [key, problem] of problems) {
      if (this.#told.get(key) === problem) continue;
      this.#told.set(key, problem);
      this.#logger.warn({ key, problem }, "skipped a record that cannot be read");
    }
  }

  #notify(effects: readonly Effect[]): void {
    for (const listener of this.#listeners) listener(effects);
  }
}
