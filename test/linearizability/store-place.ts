import type { Clock } from "#base/clock.ts";
import { type Random, seededRandom } from "#base/random.ts";
import type { Log } from "#log/core/log.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";

/** Where the servers of a simulated store keep their entries, and what can go wrong there. */
export interface StorePlace {
  readonly servers: number;
  /** Rejects with a Fault when it cannot be opened now. */
  open(server: number, clock: Clock): Promise<Log>;
  /** Ends what `open` gave as kill -9 does. */
  crash(server: number): void;
  /** Makes something go wrong; what, for the report. */
  disturb(random: Random): string;
  /** Ends all that goes wrong. */
  heal(): void;
}

/** One server on a disk of its own, which is full now and then. */
export function memoryPlace(seed: number): StorePlace {
  const random = seededRandom(seed);
  const disk = new MemoryDisk();
  let log: MemoryLog | undefined;
  return {
    servers: 1,
    async open(_server, clock) {
      disk.isFull = false;
      log = new MemoryLog(disk, { clock, random, delayMaxMs: 30 });
      return log;
    },
    crash: () => log?.crash(),
    disturb() {
      disk.isFull = true;
      return "disk full";
    },
    heal: () => {
      disk.isFull = false;
    },
  };
}
