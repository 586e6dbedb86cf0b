import { KeysError } from "#keys/core/keys-error.ts";
import type { Keys, Reply, SetOptions } from "#keys/keys.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { FleetKeys } from "./core/fleet-keys.ts";
import type { MachineId } from "./core/machine-id.ts";
import {
  type Incarnation,
  type MachineFacts,
  type UnitStateRecord,
  writeBlob,
  writeFacts,
  writeIncarnation,
  writeJobObject,
  writeLease,
  writeUnitState,
} from "./core/records.ts";
import { isNotedBefore, writeRestoredNote } from "./core/restored-store.ts";
import { writeRunResult } from "./core/run-result.ts";
import type { UnitStateName } from "./core/schema.ts";
import type { NoteRoom } from "./core/unit-notes.ts";
import type { UnknownRun } from "./core/unknown-run.ts";
import { hashOf } from "./unit-files.ts";

/** Longer than any machine is away that might still be waited for. */
const REMOVED_TTL_SECONDS = 24 * 3600;
/** Longer than it takes until what runs is on record again, and until leases from before are over. */
const RESTORED_TTL_SECONDS = 300;
const TOMBSTONE_TTL_SECONDS = 30 * 24 * 3600;

/** Where something is noted of a unit, on one machine or in general. */
export interface NoteAt {
  readonly room: NoteRoom;
  readonly unit: UnitName;
  readonly machine?: MachineId | undefined;
}

/** What the cluster is known to hold when a unit is submitted; it spares writes. */
export interface CreateFacts {
  /** Whether a job uses the same unit file already. */
  readonly blobInUse: boolean;
  readonly tombstone: boolean;
  /** Whether to take the place of a unit with the same name. */
  readonly replaces: boolean;
  /** What is desired of that one. Another text is a new wish by itself: to say the same again would be two. */
  readonly desired?: UnitStateName | undefined;
}

/**
 * What fleet writes to the store, by meaning. Each write resolves with the store's index at which it is in force,
 * for a mirror to wait for. Rejects as `Keys` does.
 */
export class Registry {
  readonly #keys: Keys;
  readonly #at: FleetKeys;

  constructor(keys: Keys, at: FleetKeys) {
    this.#keys = keys;
    this.#at = at;
  }

  /** Submits a unit. The blob comes first, so that no job is seen without its unit. */
  async createJob(
    name: UnitName,
    raw: string,
    desired: UnitStateName,
    known: CreateFacts,
    signal: AbortSignal,
  ): Promise<number> {
    const hash = hashOf(raw);
    // A blob without a job is written anew even if it is there: who is about to clean it up finds it changed.
    if (!known.blobInUse) await this.writeText(raw, signal);
    if (known.tombstone)
      await this.#unlessMissing(this.#keys.delete(this.#at.removed(name), {}, signal));
    const object = this.#at.job(name, "object");
    const index = await this.#set(
      object,
      writeJobObject(name, hash),
      known.replaces ? {} : { prevExist: false },
      signal,
    );
    if (known.replaces && known.desired === desired) return index;
    return this.setDesired(name, desired, signal);
  }

  async setDesired(name: UnitName, desired: UnitStateName, signal: AbortSignal): Promise<number> {
    return indexOf(await this.#keys.set(this.#at.job(name, "target-state"), desired, {}, signal));
  }

  /** Destroys the job, leaving on record for agents that are away now that this unit is to be removed. */
  async destroyJob(name: UnitName, hash: string, signal: AbortSignal): Promise<number | undefined> {
    const ttlSeconds = TOMBSTONE_TTL_SECONDS;
    await this.#keys.set(this.#at.removed(name), hash, { ttlSeconds }, signal);
    return this.removeJobDirectory(name, signal);
  }

  /** Undefined when it is gone already. */
  async removeJobDirectory(name: UnitName, signal: AbortSignal): Promise<number | undefined> {
    const directory = this.#at.jobDirectory(name);
    const options = { recursive: true, dir: true };
    return this.#unlessMissing(this.#keys.delete(directory, options, signal));
  }

  /** Fails with KeysError 105 when the unit has a machine already. */
  async place(name: UnitName, to: MachineId, signal: AbortSignal): Promise<number> {
    return this.#set(this.#at.job(name, "target"), to, { prevExist: false }, signal);
  }

  /** One compare-and-swap, so that two engines cannot both move the unit; KeysError 101 when it is elsewhere. */
  async move(name: UnitName, from: MachineId, to: MachineId, signal: AbortSignal): Promise<number> {
    return this.#set(this.#at.job(name, "target"), to, { prevValue: from }, signal);
  }

  async unplace(name: UnitName, from: MachineId, signal: AbortSignal): Promise<number> {
    const options = { prevValue: from };
    return indexOf(await this.#keys.delete(this.#at.job(name, "target"), options, signal));
  }

  async writeState(name: UnitName, state: UnitStateRecord, signal: AbortSignal): Promise<number> {
    return this.#set(this.#at.state(name, state.machine), writeUnitState(state), {}, signal);
  }

  async removeState(
    name: UnitName,
    machine: MachineId,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    return this.#unlessMissing(this.#keys.delete(this.#at.state(name, machine), {}, signal));
  }

  async writeLaunched(name: UnitName, machine: MachineId, signal: AbortSignal): Promise<number> {
    return this.#set(this.#at.job(name, "job-state"), machine, {}, signal);
  }

  /** Takes back only what this machine said. */
  async removeLaunched(
    name: UnitName,
    machine: MachineId,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const options = { prevValue: machine };
    const key = this.#at.job(name, "job-state");
    return this.#unlessMissing(this.#keys.delete(key, options, signal));
  }

  /** Gets the lease where there is none; KeysError 105 when there is one. */
  async acquireLease(me: MachineId, ttlSeconds: number, signal: AbortSignal): Promise<number> {
    return this.#set(this.#at.lease, writeLease(me), { ttlSeconds, prevExist: false }, signal);
  }

  /** Renews the lease as it was left at `index`; KeysError 100 or 101 when it is no longer ours. */
  async renewLease(
    me: MachineId,
    ttlSeconds: number,
    index: number,
    signal: AbortSignal,
  ): Promise<number> {
    return this.#set(this.#at.lease, writeLease(me), { ttlSeconds, prevIndex: index }, signal);
  }

  async giveUpLease(index: number, signal: AbortSignal): Promise<void> {
    await this.#unlessMissing(this.#keys.delete(this.#at.lease, { prevIndex: index }, signal));
  }

  /** What is on record about the machine id: its record and who registered it. */
  async readMachine(
    id: MachineId,
    signal: AbortSignal,
  ): Promise<{
    object: { value: string; index: number } | undefined;
    incarnation: string | undefined;
  }> {
    const object = await this.#get(this.#at.machine(id, "object"), signal);
    const incarnation = await this.#get(this.#at.machine(id, "incarnation"), signal);
    return { object, incarnation: incarnation?.value };
  }

  /** Writes the machine's record over exactly what `over` saw; KeysError 101 or 105 when it is no longer so. */
  async register(
    id: MachineId,
    record: string,
    how: { readonly ttlSeconds: number; readonly over: number | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const { ttlSeconds, over } = how;
    const options = { ttlSeconds, ...asSeen(over) };
    await this.#set(this.#at.machine(id, "object"), record, options, signal);
  }

  async writeIncarnation(
    id: MachineId,
    incarnation: Incarnation,
    signal: AbortSignal,
  ): Promise<number> {
    const key = this.#at.machine(id, "incarnation");
    return this.#set(key, writeIncarnation(incarnation), {}, signal);
  }

  async writeFacts(id: MachineId, facts: MachineFacts, signal: AbortSignal): Promise<void> {
    await this.#set(this.#at.machine(id, "facts"), writeFacts(facts), {}, signal);
  }

  async writeApi(id: MachineId, address: string, signal: AbortSignal): Promise<void> {
    await this.#set(this.#at.machine(id, "api"), address, {}, signal);
  }

  /** Renews the record, if it is `as` that says, without telling watchers; KeysError 100 when it is gone, or 101. */
  async refresh(id: MachineId, ttlSeconds: number, as: SetOptions, signal: AbortSignal) {
    const options = { ttlSeconds, refresh: true, ...as };
    await this.#keys.set(this.#at.machine(id, "object"), undefined, options, signal);
  }

  /** Takes the lock of a unit: as it was left at `over`, or where there is none; else KeysError 100, 101 or 105. */
  async takeOnce(
    name: UnitName,
    holder: string,
    over: number | undefined,
    signal: AbortSignal,
  ): Promise<number> {
    const condition = over === undefined ? { prevExist: false } : { prevIndex: over };
    return this.#set(this.#at.note("once", name), holder, condition, signal);
  }

  /** Gives up the lock of a unit as it was taken at `index`; KeysError 100 or 101 when it is not so. */
  async releaseOnce(name: UnitName, index: number, signal: AbortSignal): Promise<number> {
    const key = this.#at.note("once", name);
    return indexOf(await this.#keys.delete(key, { prevIndex: index }, signal));
  }

  /** Notes a run of unknown end over exactly the result that was seen; KeysError 100, 101 or 105 when there is another. */
  noteUnknown(unit: UnitName, { result, over }: UnknownRun, signal: AbortSignal): Promise<number> {
    return this.writeNote({ room: "results", unit }, writeRunResult(result), asSeen(over), signal);
  }

  async setLeaving(id: MachineId, leaving: boolean, signal: AbortSignal): Promise<void> {
    const key = this.#at.machine(id, "leaving");
    if (leaving) await this.#set(key, "", {}, signal);
    else await this.#unlessMissing(this.#keys.delete(key, {}, signal));
  }

  /** Notes what somebody decided about the machine; undefined takes it back. */
  async setMark(
    id: MachineId,
    part: "cordoned" | "draining" | "removed" | "held",
    value: string | undefined,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const key = this.#at.machine(id, part);
    if (value === undefined) return this.#unlessMissing(this.#keys.delete(key, {}, signal));
    return this.#set(key, value, {}, signal);
  }

  /** The same over what was noted at that index; KeysError 100 or 101 when it is no longer so. */
  async overwriteMark(
    id: MachineId,
    part: "draining",
    { over, value }: { readonly value: string; readonly over: number },
    signal: AbortSignal,
  ): Promise<number> {
    return this.#set(this.#at.machine(id, part), value, { prevIndex: over }, signal);
  }

  /** Notes that the machine is gone for good; it runs out by itself. */
  async markRemoved(id: MachineId, value: string, signal: AbortSignal): Promise<number> {
    const ttlSeconds = REMOVED_TTL_SECONDS;
    return this.#set(this.#at.machine(id, "removed"), value, { ttlSeconds }, signal);
  }

  /** Removes all that is on record of the machine, but for the note that it was removed. */
  async removeMachine(id: MachineId, signal: AbortSignal): Promise<number | undefined> {
    const parts = [
      "object",
      "api",
      "incarnation",
      "facts",
      "leaving",
      "draining",
      "cordoned",
    ] as const;
    const recursive = { recursive: true, dir: true };
    let newest = await this.#unlessMissing(
      this.#keys.delete(this.#at.metadataDirectory(id), recursive, signal),
    );
    for (const part of parts)
      newest =
        (await this.#unlessMissing(this.#keys.delete(this.#at.machine(id, part), {}, signal))) ??
        newest;
    return newest;
  }

  async unregister(id: MachineId, signal: AbortSignal): Promise<void> {
    await this.#unlessMissing(this.#keys.delete(this.#at.machine(id, "object"), {}, signal));
  }

  async setMetadata(
    id: MachineId,
    name: string,
    value: string | undefined,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const key = this.#at.metadata(id, name);
    if (value === undefined) return this.#unlessMissing(this.#keys.delete(key, {}, signal));
    return this.#set(key, value, {}, signal);
  }

  /** Keeps the text of a unit, by its hash; also anew, so that who is about to clear it away finds it changed. */
  async writeText(raw: string, signal: AbortSignal): Promise<number> {
    return this.#set(this.#at.blob(hashOf(raw)), writeBlob(raw), {}, signal);
  }

  /** Gives a job another text, if its object is as it was at `index`; KeysError 100 or 101 when it is not. */
  async setText(name: UnitName, hash: string, index: number, signal: AbortSignal): Promise<number> {
    const value = writeJobObject(name, hash);
    return this.#set(this.#at.job(name, "object"), value, { prevIndex: index }, signal);
  }

  /** Notes something of a unit, in general or on one machine; for `ttlSeconds`, or until it is removed. */
  async writeNote(
    { room, unit, machine }: NoteAt,
    value: string,
    options: SetOptions,
    signal: AbortSignal,
  ): Promise<number> {
    const key = this.#at.note(room, unit, machine);
    try {
      return await this.#set(key, value, options, signal);
    } catch (error) {
      // Of a unit that became global, or no longer is, the notes have the other form.
      if (!isKeysError(error, 102, 104)) throw error;
      const all = this.#at.note(room, unit);
      await this.#unlessMissing(this.#keys.delete(all, { recursive: true }, signal));
      return this.#set(key, value, options, signal);
    }
  }

  async removeNote(
    { room, unit, machine }: NoteAt,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    return this.#unlessMissing(this.#keys.delete(this.#at.note(room, unit, machine), {}, signal));
  }

  /** Notes for others, and for machines that boot meanwhile, that the store was restored with this index, or an earlier one. */
  async noteRestored(index: number, signal: AbortSignal): Promise<void> {
    const found = await this.#get(this.#at.restored, signal);
    if (found !== undefined && isNotedBefore(found.value, index)) return;
    const options = { ttlSeconds: RESTORED_TTL_SECONDS, ...asSeen(found?.index) };
    await this.#set(this.#at.restored, writeRestoredNote(index), options, signal);
  }

  /** Removes a key that nothing changed since `index`. */
  async removeKey(key: string, index: number, signal: AbortSignal): Promise<void> {
    await this.#unlessMissing(this.#keys.delete(key, { prevIndex: index }, signal));
  }

  async #set(
    key: string,
    value: string,
    options: SetOptions,
    signal: AbortSignal,
  ): Promise<number> {
    return indexOf(await this.#keys.set(key, value, options, signal));
  }

  async #get(
    key: string,
    signal: AbortSignal,
  ): Promise<{ value: string; index: number } | undefined> {
    try {
      const { event } = await this.#keys.get(key, { quorum: true }, signal);
      return { value: event.node.value ?? "", index: event.node.modifiedIndex };
    } catch (error) {
      if (isKeysError(error, 100)) return undefined;
      throw error;
    }
  }

  /** A key that is not there, or that somebody changed meanwhile, needs no removing any more. */
  async #unlessMissing(reply: Promise<Reply>): Promise<number | undefined> {
    try {
      return indexOf(await reply);
    } catch (error) {
      if (isKeysError(error, 100) || isKeysError(error, 101)) return undefined;
      throw error;
    }
  }
}

/** The condition that a key is as it was at that index, or that there is none. */
export function asSeen(index: number | undefined): SetOptions {
  return index === undefined ? { prevExist: false } : { prevIndex: index };
}

export function isKeysError(error: unknown, ...codes: readonly number[]): boolean {
  return error instanceof KeysError && codes.includes(error.code);
}

function indexOf({ event }: Reply): number {
  return event.node.modifiedIndex;
}
