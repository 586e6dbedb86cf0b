import type { FleetMachine } from "#fleet/fleet-machine.ts";
import type { SimulationHooks } from "#fleet/simulated-cluster.ts";
import type { Keys } from "#keys/keys.ts";
import type { Systemd } from "#systemd/systemd.ts";

/** Bugs that make two copies of a unit run of which at most one may; the run has to find every one. */
export const ONCE_PLANTS = {
  /** A lease that goes on for long after the heartbeats. */
  endlessLease: () => ({
    wrapSystemd: (systemd) =>
      withLease(systemd, (untilMs, signal) => systemd.extendLease(untilMs + 20_000, signal)),
  }),
  /** Locks that others hold count for nothing, and are taken from them. */
  blindLock: () => ({ wrapKeys: blindLock, onStart: takeLocks }),
  /** An engine that breaks locks as soon as a machine is gone. */
  hastyEngine: () => ({ onStart: hastyEngine }),
} as const satisfies Record<string, () => SimulationHooks>;

function withLease(systemd: Systemd, extendLease: Systemd["extendLease"]): Systemd {
  return overlay<Systemd>(systemd, { extendLease });
}

function blindLock(keys: Keys): Keys {
  const set: Keys["set"] = (key, value, options, signal) =>
    keys.set(key, value, key.includes("/once/") ? {} : options, signal);
  return overlay<Keys>(keys, { set });
}

function takeLocks({ feed, machine }: FleetMachine): void {
  const { once } = feed.model.notes;
  const get = once.get.bind(once);
  once.get = (unit) => {
    const note = get(unit);
    return note?.value.machine === machine.id ? note : undefined;
  };
}

function hastyEngine({ feed }: FleetMachine): void {
  feed.mayRunUntilMs = () => 0;
  feed.leaseWaits = () => ({ waits: new Map(), againAtMs: undefined });
}

/** The same object with some methods of its own; the others are the object's. */
function overlay<T extends object>(object: T, changes: Partial<T>): T {
  return new Proxy(object, {
    get(target, name) {
      if (name in changes) return Reflect.get(changes, name) as unknown;
      const member = Reflect.get(target, name) as unknown;
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}
