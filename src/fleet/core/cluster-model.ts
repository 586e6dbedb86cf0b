import type { UnitName } from "#unitfile/core/unit-name.ts";
import { type Departure, isRemovalOf } from "./departure.ts";
import type { FleetKey, FleetKeys, JobPart, MachinePart } from "./fleet-keys.ts";
import { isBlank, type Job, type MutableJob, newJob } from "./job.ts";
import { isMachineId, type MachineId } from "./machine-id.ts";
import { type MachineEntry, MachineTable } from "./machine-table.ts";
import {
  type Incarnation,
  type MachineRecord,
  type Parsed,
  readBlob,
  readDesiredState,
  readJobObject,
  readLease,
  readUnitState,
  type UnitStateRecord,
} from "./records.ts";
import { RestoredStore } from "./restored-store.ts";
import { SetMap } from "./set-map.ts";
import { type Unit, unitOf } from "./unit.ts";
import { UnitIndex } from "./unit-index.ts";
import { UnitNotes, type Versioned } from "./unit-notes.ts";

export type { Job };

/** A change of one key, as a mirror tells it; `by` is the key of the event, absent when found by listing. */
export interface KeyChange {
  readonly key: string;
  readonly after: { readonly value: string; readonly modifiedIndex: number } | undefined;
  readonly by: { readonly key: string; readonly action: string } | undefined;
}

/** What a change touched. */
export type Effect =
  | { readonly kind: "machine"; readonly machine: MachineId; readonly gone: Departure | undefined }
  | { readonly kind: "units"; readonly units: readonly UnitName[] }
  | { readonly kind: "state"; readonly unit: UnitName; readonly machine: MachineId }
  | { readonly kind: "lease" }
  | { readonly kind: "none" };

const NONE: Effect = { kind: "none" };

/**
 * The whole cluster as the store describes it, kept up to date change by change. A value that cannot be read takes
 * nothing else down: it is left out and listed in `problems`.
 */
export class ClusterModel {
  readonly keys: FleetKeys;
  readonly notes = new UnitNotes();
  /** What of the store is only a backup's word. */
  readonly restored: RestoredStore;
  readonly #machines: MachineTable;
  readonly #blobs = new Map<string, Versioned<string>>();
  /** The unit that was last made of a blob, by its hash: the next one shares with it. */
  readonly #made = new Map<string, Unit>();
  readonly #jobs = new Map<UnitName, MutableJob>();
  readonly #jobsByHash = new SetMap<string, UnitName>();
  readonly #placed = new SetMap<MachineId, UnitName>();
  readonly #index = new UnitIndex();
  readonly #states = new Map<UnitName, Map<MachineId, UnitStateRecord>>();
  readonly #removed = new Map<UnitName, string>();
  /** Jobs seen to be destroyed by an event about just them, since this model began. */
  readonly #destroyed = new Set<UnitName>();
  readonly #problems = new Map<string, string>();
  #lease: Versioned<string> | undefined;

  /** A copy of another model shares its memory of the store. */
  constructor(keys: FleetKeys, restored = new RestoredStore()) {
    this.keys = keys;
    this.restored = restored;
    this.#machines = new MachineTable(restored);
  }

  /** The store is found to have gone back in time, at this index: what it says from then on counts, all else as `restored` has it. */
  restore(index: number, beganMs: number): void {
    this.restored.begin(index, beganMs);
    this.#machines.lookAgain();
  }

  /** The same, as another daemon noted it; gives whether that is news here. */
  learnRestored(index: number, nowMs: number): boolean {
    if (!this.restored.learn(index, nowMs)) return false;
    this.#machines.lookAgain();
    return true;
  }

  /** Machines whose record is there, with their whole metadata. */
  get machines(): ReadonlyMap<MachineId, MachineRecord> {
    return this.#machines.present;
  }

  /** All that is known of the machine, present or not. */
  machine(id: MachineId): MachineEntry | undefined {
    return this.#machines.known.get(id);
  }

  /** Every machine that anything is known of, present or not. */
  get knownMachines(): Iterable<MachineId> {
    return this.#machines.known.keys();
  }

  get jobs(): ReadonlyMap<UnitName, Job> {
    return this.#jobs;
  }

  get blobs(): ReadonlyMap<string, Versioned<string>> {
    return this.#blobs;
  }

  /** Names of the jobs whose unit runs on every machine that fits. */
  get globals(): ReadonlySet<UnitName> {
    return this.#index.globals;
  }

  /** Names of the jobs whose unit says how many may share a machine. */
  get limiting(): ReadonlySet<UnitName> {
    return this.#index.limiting;
  }

  /** Names of the jobs whose unit is started by the clock. */
  get timed(): ReadonlySet<UnitName> {
    return this.#index.timed;
  }

  /** Machines that some job is placed on, present or not. */
  get holders(): Iterable<MachineId> {
    return this.#placed.keys();
  }

  /** What can not be read: key and reason. */
  get problems(): ReadonlyMap<string, string> {
    return this.#problems;
  }

  /** The machine whose engine leads. */
  get lease(): Versioned<string> | undefined {
    return this.#lease;
  }

  /** Where units are reported: unit, machine, state. */
  get states(): ReadonlyMap<UnitName, ReadonlyMap<MachineId, UnitStateRecord>> {
    return this.#states;
  }

  /** Tombstones: the hash that the unit had when it was destroyed. */
  get removed(): ReadonlyMap<UnitName, string> {
    return this.#removed;
  }

  /** Units of whose removal it is known; some may have been submitted again since. */
  get destroyed(): Iterable<UnitName> {
    return [...this.#destroyed, ...this.#removed.keys()];
  }

  placedOn(machine: MachineId): ReadonlySet<UnitName> {
    return this.#placed.get(machine);
  }

  /** Units that have to run where this one runs, or another that will do instead. */
  followers(unit: UnitName): ReadonlySet<UnitName> {
    return this.#index.followers(unit);
  }

  jobsWithHash(hash: string): ReadonlySet<UnitName> {
    return this.#jobsByHash.get(hash);
  }

  /** The address of the machine's fleet API, if it has one. */
  api(machine: MachineId): string | undefined {
    return this.machine(machine)?.api;
  }

  incarnation(machine: MachineId): Incarnation | undefined {
    return this.machine(machine)?.incarnation;
  }

  /** Whether it is on record that the unit of this name was destroyed, and none was submitted since. */
  isDestroyed(unit: UnitName): boolean {
    if (this.#jobs.get(unit)?.hash !== undefined) return false;
    return this.#destroyed.has(unit) || this.#removed.has(unit);
  }

  /** Whether any metadata of the machine was set or removed since the store was restored. */
  isMetadataSaid(machine: MachineId): boolean {
    return this.restored.heardUnder(`${this.keys.metadataDirectory(machine)}/`);
  }

  /** The machine as it is configured, with the metadata that was set for it since and the facts it tells. */
  withMetadata(machine: MachineRecord): MachineRecord {
    return this.#machines.withMetadata(machine);
  }

  apply(change: KeyChange): Effect {
    const key = this.keys.parse(change.key);
    this.#problems.delete(change.key);
    switch (key.kind) {
      case "machine":
        return this.#applyMachine(key.machine, key.part, change);
      case "metadata":
        return this.#applyMetadata(key.machine, key.name, change.after?.value);
      case "blob":
        return this.#applyBlob(key.hash, change);
      case "job":
        return this.#applyJob(key.unit, key.part, change);
      case "state":
        return this.#applyState(key, change);
      case "removed":
        if (change.after === undefined) this.#removed.delete(key.unit);
        else this.#removed.set(key.unit, change.after.value);
        return { kind: "units", units: [key.unit] };
      case "note": {
        const problem = this.notes[key.room].set(key, change.after);
        if (problem !== undefined) this.#problems.set(change.key, problem);
        return { kind: "units", units: [key.unit] };
      }
      case "lease":
        this.#lease = this.#read(change, readLease);
        return { kind: "lease" };
      case "engineVersion":
      case "unknown":
        return NONE;
      default:
        return key satisfies never;
    }
  }

  #applyMachine(id: MachineId, part: MachinePart, change: KeyChange): Effect {
    const gone = this.#machines.set(id, part, change, (reader) => this.#read(change, reader));
    return { kind: "machine", machine: id, gone };
  }

  #applyMetadata(id: MachineId, name: string, value: string | undefined): Effect {
    this.#machines.setMetadata(id, name, value);
    return { kind: "machine", machine: id, gone: undefined };
  }

  #applyBlob(hash: string, change: KeyChange): Effect {
    const blob = this.#read(change, readBlob);
    if (blob === undefined) this.#blobs.delete(hash);
    else this.#blobs.set(hash, blob);
    this.#made.delete(hash);
    const users = this.#jobsByHash.get(hash);
    for (const name of users) this.#resolve(this.#jobs.get(name)!);
    return { kind: "units", units: [...users] };
  }

  #applyJob(name: UnitName, part: JobPart, change: KeyChange): Effect {
    const job = this.#job(name);
    switch (part) {
      case "object":
        this.#setObject(job, change);
        break;
      case "target":
        this.#setTarget(job, change);
        break;
      case "target-state":
        job.isDesiredSaid = change.after !== undefined;
        job.desired = job.isDesiredSaid ? this.#read(change, readDesiredState)?.value : "inactive";
        job.desiredIndex = change.after?.modifiedIndex;
        break;
      case "job-state":
        job.launchedOn = change.after?.value;
        break;
      default:
        part satisfies never;
    }
    if (job.hash === undefined && isBlank(job)) this.#jobs.delete(name);
    return { kind: "units", units: [name] };
  }

  #job(name: UnitName): MutableJob {
    const known = this.#jobs.get(name);
    if (known !== undefined) return known;
    const job = newJob(name);
    this.#jobs.set(name, job);
    return job;
  }

  #setObject(job: MutableJob, change: KeyChange): void {
    const hash = this.#read(change, readJobObject)?.value;
    if (job.hash !== undefined) this.#jobsByHash.delete(job.hash, job.name);
    // An object that cannot be read is not a destroyed one: the job stays, without a unit.
    job.submittedIndex = change.after?.modifiedIndex ?? 0;
    job.hash = hash ?? (change.after === undefined ? undefined : "");
    if (hash !== undefined) this.#jobsByHash.add(hash, job.name);
    if (change.after !== undefined) this.#destroyed.delete(job.name);
    else if (isRemovalOf(change, this.keys.jobDirectory(job.name))) this.#destroyed.add(job.name);
    this.#resolve(job);
  }

  #setTarget(job: MutableJob, change: KeyChange): void {
    if (job.target !== undefined) this.#placed.delete(job.target.value, job.name);
    job.target = this.#read(change, (text) =>
      isMachineId(text) ? { value: text } : { problem: `"${text}" is no machine id` },
    );
    job.targetUnreadable = change.after !== undefined && job.target === undefined;
    if (job.target !== undefined) this.#placed.add(job.target.value, job.name);
  }

  /** Finds the unit of the job again after its object or a blob changed, and what depends on the unit. */
  #resolve(job: MutableJob): void {
    if (job.unit !== undefined) this.#index.remove(job.unit);
    job.unit = this.#unitOf(job);
    if (job.unit !== undefined) this.#index.add(job.unit);
  }

  #unitOf(job: MutableJob): Unit | undefined {
    const key = this.keys.job(job.name, "object");
    const blob = job.hash ? this.#blobs.get(job.hash) : undefined;
    if (job.hash === undefined || job.hash === "") return undefined;
    if (blob === undefined) {
      this.#problems.set(key, `its unit ${this.keys.blob(job.hash)} is missing`);
      return undefined;
    }
    const unit = unitOf(job.name, job.hash, blob.value, this.#made.get(job.hash));
    if ("problem" in unit) {
      this.#problems.set(key, unit.problem);
      return undefined;
    }
    this.#problems.delete(key);
    this.#made.set(job.hash, unit);
    job.hash = unit.hash;
    return unit;
  }

  #applyState({ unit, machine }: FleetKey & { kind: "state" }, change: KeyChange): Effect {
    const state = this.#read(change, (json) => readUnitState(json, machine))?.value;
    const states = this.#states.get(unit) ?? new Map<MachineId, UnitStateRecord>();
    if (state === undefined) states.delete(machine);
    else states.set(machine, state);
    if (states.size === 0) this.#states.delete(unit);
    else this.#states.set(unit, states);
    return { kind: "state", unit, machine };
  }

  #read<T>(change: KeyChange, reader: (text: string) => Parsed<T>): Versioned<T> | undefined {
    if (change.after === undefined) return undefined;
    const parsed = reader(change.after.value);
    if ("value" in parsed) return { value: parsed.value, index: change.after.modifiedIndex };
    this.#problems.set(change.key, parsed.problem);
    return undefined;
  }
}
