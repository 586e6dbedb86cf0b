import type { Incarnation, MachineRecord } from "./records.ts";
import { readIncarnation, readMachine } from "./records.ts";

/** What is on record of a machine id: its record, with the index of its last renewal, and who holds it. */
export interface FoundHolder {
  readonly object: { readonly value: string; readonly index: number } | undefined;
  readonly incarnation: string | undefined;
}

/** Whether a daemon may register its machine. */
export type Claim =
  /** Nobody else holds the record; `isNewBoot`: another boot of the machine left something. */
  | { readonly kind: "free"; readonly isNewBoot: boolean }
  /** It may be what an earlier boot left, or the record of a copy that is alive: that shows soon. */
  | { readonly kind: "wait" }
  /** Another live machine holds it, at this address. */
  | { readonly kind: "taken"; readonly address: string };

const UNKNOWN_ADDRESS = "an unknown address";

/**
 * Tells what an earlier boot of this machine left from what another live machine with the same id holds. One at another
 * address is another one. At the same address it is another boot, or a copy of the machine behind the same address:
 * nobody renews the record of a boot that is over, so it is watched for as long as a live holder renews it within.
 */
export class HolderWatch {
  readonly #machine: MachineRecord;
  readonly #mine: Incarnation;
  readonly #watchMs: number;
  #seen: { readonly index: number; readonly sinceMs: number } | undefined;

  /** `ttlMs` is the time to live of the record, which a holder renews about three times in it. */
  constructor(machine: MachineRecord, mine: Incarnation, ttlMs: number) {
    this.#machine = machine;
    this.#mine = mine;
    this.#watchMs = ttlMs / 2;
  }

  /** Judges what was found now, by the monotonic clock. */
  judge({ object, incarnation }: FoundHolder, nowMs: number): Claim {
    const holder = this.otherBoot(incarnation);
    const isNewBoot = holder !== undefined;
    const before = this.#seen;
    this.#seen = undefined;
    if (object === undefined) return { kind: "free", isNewBoot };
    if (holder === undefined)
      return incarnationOf(incarnation) === undefined
        ? this.#judgeUnnamed(object.value)
        : { kind: "free", isNewBoot };
    if (holder.address === "" || holder.address !== this.#mine.address)
      return { kind: "taken", address: holder.address || UNKNOWN_ADDRESS };
    const { index } = object;
    this.#seen = before?.index === index ? before : { index, sinceMs: nowMs };
    if (before !== undefined && before.index !== index)
      return { kind: "taken", address: holder.address };
    return nowMs - this.#seen.sinceMs < this.#watchMs
      ? { kind: "wait" }
      : { kind: "free", isNewBoot };
  }

  /** Who it is, if the incarnation that is on record is not this one. */
  otherBoot(incarnation: string | undefined): Incarnation | undefined {
    const holder = incarnationOf(incarnation);
    return holder?.instance === this.#mine.instance ? undefined : holder;
  }

  /** The original writes no incarnation; an unreadable record belongs to nobody. */
  #judgeUnnamed(object: string): Claim {
    const record = readMachine(object);
    if (!("value" in record) || record.value.publicIp === this.#machine.publicIp)
      return { kind: "free", isNewBoot: false };
    return { kind: "taken", address: record.value.publicIp || UNKNOWN_ADDRESS };
  }
}

function incarnationOf(text: string | undefined): Incarnation | undefined {
  const read = text === undefined ? undefined : readIncarnation(text);
  return read !== undefined && "value" in read ? read.value : undefined;
}
