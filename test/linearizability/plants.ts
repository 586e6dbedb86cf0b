import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/random.ts";
import type { Log, LogEntry, LogReader } from "#log/core/log.ts";
import { logOver } from "#test/support/log-over.ts";
import { etcdPlace } from "./etcd-place.ts";
import { memoryPlace, type StorePlace } from "./store-place.ts";

/** Mistakes of a log, put between it and its server; each has to be found. */
export const LOG_PLANTS = {
  /** Acknowledges what is not durable yet. */
  eager: on(memoryPlace, (log) => {
    let reader: LogReader;
    let last = log.snapshot?.index ?? 0;
    return logOver(log, {
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
  }),
  /** Takes an entry for two now and then. */
  stuttering: on(memoryPlace, (log, random) => {
    let added = 0;
    return logOver(log, {
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
  }),
  /** One server leaves an entry out, and counts on as if it had not been there. */
  forgetful: on(etcdPlace, (log, random) => {
    let left = 0;
    return logOver(log, {
      start: (reader) =>
        log.start({
          ...reader,
          deliver: (entries) =>
            reader.deliver(
              entries.flatMap(({ index, data }): LogEntry[] => {
                if (random() > 0.003) return [{ index: index - left, data }];
                left += 1;
                return [];
              }),
            ),
        }),
    });
  }),
} as const;

function on(newPlace: (seed: number, clock: Clock) => StorePlace, plant: Plant) {
  return { newPlace, plant };
}

type Plant = (log: Log, random: Random) => Log;
