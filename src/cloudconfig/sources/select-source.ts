import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { UserDataSource } from "./source.ts";

// As the original: 100 ms after the first look, then twice as long each time, five minutes in all.
const FIRST_PAUSE_MS = 100;
const PAUSE_MS_MAX = 30_000;
export const SELECT_TIMEOUT_MS = 5 * 60_000;

export interface SelectOptions {
  readonly clock: Clock;
  /** How long to look for one; 0: once. */
  readonly timeoutMs: number;
  /** Told what is looked at, and why it is not available, a line each. */
  readonly report: (line: string) => void;
}

class GoneForGood extends Error {}

/**
 * The first of the sources that says it is available; all are asked at the same time, and again until the time is up.
 * @throws {Fault} SOURCE_FAILED when none is, with every one's reason
 */
export async function selectSource(
  sources: readonly UserDataSource[],
  options: SelectOptions,
  signal: AbortSignal,
): Promise<UserDataSource> {
  const done = new AbortController();
  const both = AbortSignal.any([signal, done.signal]);
  const reasons = new Map<UserDataSource, string>();
  const waits = sources.map((source) => waitFor(source, reasons, options, both));
  const first = Promise.any(waits).catch((error: unknown) => {
    const other = error instanceof AggregateError ? error.errors.find(isUnexpected) : error;
    if (other !== undefined) throw other;
    return undefined;
  });
  const contestants = [first];
  if (options.timeoutMs > 0)
    contestants.push(
      options.clock.sleep(options.timeoutMs, both).then(
        () => undefined,
        () => undefined, // a source was found, or the signal is aborted
      ),
    );
  try {
    const source = await Promise.race(contestants);
    signal.throwIfAborted();
    if (source === undefined) throw noneAvailable(sources, reasons, options.timeoutMs);
    return source;
  } finally {
    done.abort();
    await Promise.allSettled(waits);
  }
}

async function waitFor(
  source: UserDataSource,
  reasons: Map<UserDataSource, string>,
  { clock, timeoutMs, report }: SelectOptions,
  signal: AbortSignal,
): Promise<UserDataSource> {
  if (source.type !== "local-file" && source.type !== "standard-input")
    report(`Checking availability of "${source.type}" at ${source.place}`);
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
    const found = await source.availability(signal);
    if (found.available) return source;
    const isNew = reasons.get(source) !== found.reason;
    reasons.set(source, found.reason);
    if (timeoutMs === 0) throw new GoneForGood(); // the error that follows says all
    const hope = source.mayAppear ? `; looking again for ${timeoutMs / 1000} s at most` : "";
    if (isNew)
      report(`"${source.type}" at ${source.place} is not available: ${found.reason}${hope}`);
    if (!source.mayAppear) throw new GoneForGood();
    await clock.sleep(pauseMs, signal);
  }
}

function isUnexpected(error: unknown): boolean {
  return !(error instanceof GoneForGood);
}

function noneAvailable(
  sources: readonly UserDataSource[],
  reasons: ReadonlyMap<UserDataSource, string>,
  timeoutMs: number,
): Fault {
  const told = sources.map(
    (source) => `${source.type} at ${source.place}: ${reasons.get(source) ?? "it did not answer"}`,
  );
  const when = timeoutMs === 0 ? "" : " in time";
  return new Fault(
    "SOURCE_FAILED",
    `Cannot get user-data: no datasource is available${when}: ${told.join("; ")}`,
  );
}
