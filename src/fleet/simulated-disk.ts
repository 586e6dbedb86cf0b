import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import type { OnBite } from "./simulated-bite.ts";
import type { UnitFiles } from "./unit-files.ts";

/** What ails the disk that a machine's unit files are on. */
export interface DiskState {
  /** How long an operation takes at most. */
  delayMaxMs: number;
  /** Nothing can be written; what is there can be read and removed. */
  isFull: boolean;
}

export interface SimulatedDiskOptions {
  readonly state: DiskState;
  readonly clock: Clock;
  readonly random: Random;
  readonly onBite: OnBite;
}

const NEVER = new AbortController().signal;

/** The same files on a disk that can be slow and full. */
export function simulatedDisk(files: UnitFiles, options: SimulatedDiskOptions): UnitFiles {
  const { state, clock, random, onBite } = options;
  const slowly = async <T>(call: () => Promise<T>): Promise<T> => {
    if (state.delayMaxMs > 0) {
      onBite("slow disk of a machine");
      await clock.sleep(random() * state.delayMaxMs, NEVER);
    }
    return call();
  };
  const room = async (what: string, call: () => Promise<void>): Promise<void> => {
    if (!state.isFull) return call();
    onBite("full disk of a machine");
    throw new Fault("FILE_UNWRITABLE", `Cannot write ${what}: no space left on the simulated disk`);
  };
  return {
    path: (name) => files.path(name),
    list: () => slowly(() => files.list()),
    write: (name, raw, dropIn) => slowly(() => room(name, () => files.write(name, raw, dropIn))),
    remove: (name) => slowly(() => files.remove(name)),
    readLease: () => slowly(() => files.readLease()),
    writeLease: (record) => slowly(() => room("lease.json", () => files.writeLease(record))),
    writeToken: (name, token) =>
      slowly(() => {
        const write = () => files.writeToken(name, token);
        return token === undefined ? write() : room(`token of ${name}`, write);
      }),
    readStore: () => slowly(() => files.readStore()),
    writeStore: (record) => slowly(() => room("store.json", () => files.writeStore(record))),
    readLaunched: () => slowly(() => files.readLaunched()),
    writeLaunched: (record) =>
      slowly(() => room("launched.json", () => files.writeLaunched(record))),
  };
}
