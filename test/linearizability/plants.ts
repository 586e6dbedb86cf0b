import type { Random } from "#base/random.ts";
import type { Log, LogEntry, LogReader } from "#log/core/log.ts";

/** Mistakes of a log, put between it and its server; each has to be found. */
export const LOG_PLANTS = {
  /** Acknowledges what is not durable yet. */
  eager: (log: Log): Log => {
    let reader: LogReader;
    let last = log.snapshot?.index ?? 0;
    return over(log, {
      start(to) {
        reader = to;
        log.start({
          ...to,
          deliver: (entries) => {
            const fresh = entries.filter(({ index }) => index > last);
            last = Math.max(last, entries.at(-1)?.index ?? 0);
            if (fresh.length > 0) to.deliver(fresh);
          },
        });
      },
      async append(data) {
        const index = (last += 1);
        reader.deliver([{ index, data }]);
        void log.append(data).catch(() => {});
        return index;
      },
    });
  },
  /** Takes an entry for two now and then. */
  stuttering: (log: Log, random: Random): Log => {
    let added = 0;
    return over(log, {
      start: (reader) =>
        log.start({
          ...reader,
          deliver: (entries) =>
            reader.deliver(
              entries.flatMap(({ index, data }): LogEntry[] => {
                const once = { index: index + added, data };
                if (random() > 0.03) return [once];
                added += 1;
                return [once, { index: index + added, data }];
              }),
            ),
        }),
    });
  },
} as const;

function over(log: Log, own: Partial<Pick<Log, "start" | "append">>): Log {
  return {
    snapshot: log.snapshot,
    get snapshotIndex() {
      return log.snapshotIndex;
    },
    term: log.term,
    get leads() {
      return log.leads;
    },
    get fault() {
      return log.fault;
    },
    start: own.start ?? ((reader) => log.start(reader)),
    append: own.append ?? ((data) => log.append(data)),
    saveSnapshot: (index, chunks) => log.saveSnapshot(index, chunks),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}
