import type { Log } from "#log/core/log.ts";

/** The same log with some of its calls replaced, to watch or to spoil what goes through it. */
export function logOver(
  log: Log,
  own: Partial<Pick<Log, "start" | "append" | "saveSnapshot">>,
): Log {
  return {
    snapshot: log.snapshot,
    get snapshotIndex() {
      return log.snapshotIndex;
    },
    get term() {
      return log.term;
    },
    get leads() {
      return log.leads;
    },
    get fault() {
      return log.fault;
    },
    start: own.start ?? ((reader) => log.start(reader)),
    append: own.append ?? ((data) => log.append(data)),
    saveSnapshot: own.saveSnapshot ?? ((index, chunks) => log.saveSnapshot(index, chunks)),
    [Symbol.asyncDispose]: () => log[Symbol.asyncDispose](),
  };
}
