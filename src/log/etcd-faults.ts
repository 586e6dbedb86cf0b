import type { Clock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";

/** A failure shorter than that, such as an election's, is no trouble yet. */
const TROUBLE_AFTER_MS = 3_000;

/** What etcd's v2 API says when a write was not agreed upon in time. */
export const TIMED_OUT = "etcdserver: request timed out";

function timedOut(): Fault {
  return unavailable(TIMED_OUT);
}

/** @param wire what etcd itself says, for answers in etcd's words. */
export function unavailable(wire: string): Fault {
  return new Fault(
    "STORE_UNAVAILABLE",
    `Cannot write to the store: ${wire}; see that most of its servers run and reach each other, then ask again`,
    { facts: { etcd: wire } },
  );
}

const NO_SPACE = "etcdserver: mvcc: database space exceeded";

function noSpace(): Fault {
  return new Fault(
    "STORE_UNAVAILABLE",
    "Cannot write to the store: the space of its etcd is used up; if that does not pass within a minute, make room as the guide to several servers says (docs/guide-servers.md)",
    { facts: { etcd: NO_SPACE } },
  );
}

export function unknownEnd(): Fault {
  return new Fault(
    "STORE_UNAVAILABLE",
    "Cannot tell what came of a write: this server fell behind the others' snapshot; ask again",
  );
}

export function closed(): Fault {
  return new Fault(
    "STORE_UNAVAILABLE",
    "Cannot append to the log: it is closed; whether a write under way happened is unknown",
  );
}

export function corrupt(error: unknown): Fault {
  return new Fault(
    "LOG_CORRUPT",
    `Cannot trust the log in etcd: ${reasonOf(error)}; it was written by a newer version or changed by hand: restore it from a backup`,
    { cause: error },
  );
}

/** @param how etcd contradicts what was read from it. */
export function setBack(how: string): Fault {
  return new Fault(
    "LOG_CORRUPT",
    `Cannot follow the log in etcd: it was set back to an older state (${how}); start every server of this store anew: each begins with what etcd holds now, and writes that are missing there are lost`,
  );
}

/** Whether etcd answers, as one server of the log sees it. */
export class EtcdHealth {
  readonly #clock: Clock;
  #failingSinceMs: number | undefined;
  #reason = "";
  #isSpaceUsedUp = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  answered(): void {
    this.#failingSinceMs = undefined;
  }

  /** @param reason in etcd's words. */
  failed(reason: string): void {
    this.#failingSinceMs ??= this.#clock.monotonicMs();
    this.#reason = reason;
  }

  spaceIsUsedUp(is: boolean): void {
    this.#isSpaceUsedUp = is;
  }

  /** What an append that waited too long is told. */
  get late(): Fault {
    return this.#isSpaceUsedUp ? noSpace() : timedOut();
  }

  get fault(): Fault | undefined {
    if (this.#isSpaceUsedUp) return noSpace();
    const sinceMs = this.#failingSinceMs;
    if (sinceMs === undefined) return undefined;
    const isLasting = this.#clock.monotonicMs() - sinceMs >= TROUBLE_AFTER_MS;
    return isLasting ? unavailable(this.#reason) : undefined;
  }
}
