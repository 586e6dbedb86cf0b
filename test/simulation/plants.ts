import type { FleetMachine } from "#fleet/fleet-machine.ts";
import type { SimulatedMachine, SimulationHooks } from "#fleet/simulated-cluster.ts";
import type { Keys } from "#keys/keys.ts";
import type { Log, LogReader } from "#log/core/log.ts";
import type { Systemd } from "#systemd/systemd.ts";
import { logOver } from "#test/support/log-over.ts";

/** Bugs to be planted: each makes one part break its promise, from outside. The checks have to find every one. */
export const PLANTS = {
  /** A log that acknowledges and delivers what is not durable yet. */
  eagerLog: () => ({ wrapLog: eagerLog }),
  /** A snapshot in which one key is missing. */
  lossySnapshot: () => ({ wrapLog: lossySnapshot }),
  /** A watch that skips an event now and then, so that mirrors drift. */
  skippingWatch: () => ({ wrapKeys: skippingWatch }),
  /** An engine that writes targets whatever is there. */
  blindWrite: () => ({ wrapKeys: blindWrite }),
  /** An agent that takes what is missing from its view for destroyed. */
  hastyAgent: () => ({ onStart: hastyAgent }),
  /** An agent that stops everything when it loses the store. */
  fearfulAgent: () => fearfulAgent(),
  /** An agent that forgets what it started when it is restarted. */
  forgetfulAgent: () => ({ onStart: forgetfulAgent }),
  /** A scheduler that does not know Conflicts. */
  quarrelsomeEngine: () => ({ onStart: quarrelsomeEngine }),
} as const satisfies Record<string, () => SimulationHooks>;

function eagerLog(log: Log): Log {
  let last = log.snapshot?.index ?? 0;
  let reader: LogReader | undefined;
  return logOver(log, {
    start: (to) => {
      log.start({
        ...to,
        deliver: (entries) => {
          if (reader !== undefined) return; // delivered when it was appended
          last = entries.at(-1)?.index ?? last;
          to.deliver(entries);
        },
      });
      reader = to;
    },
    append: async (data) => {
      log.append(data).catch(() => {});
      last += 1;
      reader?.deliver([{ index: last, data }]);
      return last;
    },
  });
}

function lossySnapshot(log: Log): Log {
  return logOver(log, {
    saveSnapshot: (index, chunks) => {
      const [header = "", ...records] = chunks;
      const kept = records.map((text) =>
        JSON.stringify((JSON.parse(text) as unknown[]).slice(0, -1)),
      );
      return log.saveSnapshot(index, [header, ...kept]);
    },
  });
}

function withKeys(keys: Keys, changes: Partial<Keys>): Keys {
  return {
    get: (key, options, signal) => keys.get(key, options, signal),
    set: (key, value, options, signal) => keys.set(key, value, options, signal),
    createInOrder: (key, value, options, signal) => keys.createInOrder(key, value, options, signal),
    delete: (key, options, signal) => keys.delete(key, options, signal),
    watch: (key, options, signal) => keys.watch(key, options, signal),
    ...changes,
  };
}

function skippingWatch(keys: Keys): Keys {
  let count = 0;
  return withKeys(keys, {
    async *watch(key, options, signal) {
      for await (const event of keys.watch(key, options, signal)) {
        count += 1;
        if (count % 40 !== 0) yield event;
      }
    },
  });
}

function blindWrite(keys: Keys): Keys {
  return withKeys(keys, {
    set: (key, value, options, signal) =>
      keys.set(key, value, key.endsWith("/target") ? {} : options, signal),
  });
}

function hastyAgent({ feed: { model } }: FleetMachine): void {
  model.isDestroyed = (unit) => model.jobs.get(unit)?.hash === undefined;
}

function fearfulAgent(): SimulationHooks {
  const connections = new Map<string, Systemd>();
  return {
    wrapSystemd: (systemd, { name }) => {
      connections.set(name, systemd);
      return systemd;
    },
    onStart: ({ feed }, { name, systemd, process }: SimulatedMachine) => {
      feed.subscribe(() => {
        if (feed.isFollowing || process.isPaused) return;
        for (const unit of systemd.running())
          connections
            .get(name)
            ?.stopUnit(unit, new AbortController().signal)
            .catch(() => {});
      });
    },
  };
}

function forgetfulAgent(_: FleetMachine, { files }: SimulatedMachine): void {
  files.readLaunched = async () => undefined;
}

function quarrelsomeEngine({ feed: { model } }: FleetMachine): void {
  const { jobs } = model;
  Object.defineProperty(model, "jobs", {
    get: () =>
      new Map(
        [...jobs].map(([name, job]) => {
          const { unit } = job;
          if (unit === undefined) return [name, job];
          return [name, { ...job, unit: { ...unit, wants: { ...unit.wants, conflicts: [] } } }];
        }),
      ),
  });
}
