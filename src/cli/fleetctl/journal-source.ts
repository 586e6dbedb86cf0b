import type { JournalOptions } from "#fleet/client.ts";
import { withIds } from "./legends.ts";
import type { Session } from "./session.ts";

/** The journal of one unit on one machine. */
export interface JournalSource {
  readonly unit: string;
  /** Undefined when it was not asked for by machine: wherever it is placed. */
  readonly machine: string | undefined;
  readonly isGlobal: boolean;
  /** Stands before its lines. */
  readonly prefix: string;
}

const LOOK_MS = 1_000;
/** A machine that could not be reached is asked again so often, until the unit is elsewhere. */
const RETRY_MS = 3_000;
const LEAVING_MS = 3 * LOOK_MS;
/** Clocks of machines differ a little, and a unit starts before it is seen to have moved. */
const BEFORE_SECONDS = 10;

/** What of the flags is the same for every machine. */
export function journalOptions({ flags }: Session): Omit<JournalOptions, "follow" | "machineID"> {
  const [since, until, grep] = [flags.text("since"), flags.text("until"), flags.text("grep")];
  // As with journalctl: who says from when, or what, wants all of that.
  const isAll = !flags.isGiven("lines") && (since !== "" || until !== "" || grep !== "");
  return {
    lines: isAll ? "all" : flags.number("lines"),
    output: flags.text("output"),
    ...(since !== "" && { since }),
    ...(until !== "" && { until }),
    ...(grep !== "" && { grep }),
  };
}

/**
 * The unit's lines, and each new one, from whichever machine it runs on: when it moves, this says so and goes on there.
 * Ends only with the session, or when the unit is destroyed.
 */
export async function* followAcrossMoves(
  session: Session,
  source: JournalSource,
): AsyncGenerator<string> {
  const { api, err, io, clock } = session;
  const { unit } = source;
  let options = journalOptions(session);
  let isLost = false;
  for (let at = source.machine; at !== undefined; ) {
    const here = at;
    const stay = new AbortController();
    const done = new AbortController();
    const signal = AbortSignal.any([io.signal, stay.signal]);
    const moved = nextMachine(session, unit, at, AbortSignal.any([io.signal, done.signal])).finally(
      () => stay.abort(),
    );
    moved.catch(() => {}); // when this ends before it is awaited
    try {
      yield* api.journal(unit, { ...options, machineID: at, follow: true }, signal);
      // A machine that ends it as it should may be on its way out.
      await clock.sleep(LEAVING_MS, signal);
      done.abort();
      return;
    } catch (error) {
      io.signal.throwIfAborted();
      // An answer that says no is for the caller; silence is for waiting until the unit is elsewhere.
      const isElsewhere = stay.signal.aborted;
      if (!isElsewhere && !isUnreachable(error)) {
        done.abort();
        throw error;
      }
      if (!isElsewhere && !isLost)
        err(`Machine ${at} cannot be reached; what ${unit} says there is not shown`);
      isLost = !isElsewhere;
    }
    const again = clock.sleep(RETRY_MS, AbortSignal.any([io.signal, stay.signal])).then(() => here);
    const next = await Promise.race([moved, again.catch(() => moved)]);
    done.abort();
    io.signal.throwIfAborted();
    if (next === undefined) return err(`Unit ${unit} was destroyed`);
    if (next !== at)
      err(withIds(`Unit ${unit} moved from ${at} to ${next}; following it there`, false));
    const sinceSeconds = Math.floor(clock.now().getTime() / 1000) - BEFORE_SECONDS;
    options = { ...options, lines: "all", since: `@${sinceSeconds}` };
    at = next;
  }
}

/** Where the unit is once it is elsewhere; undefined once it is destroyed. */
async function nextMachine(
  { api, clock }: Session,
  unit: string,
  at: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (;;) {
    await clock.sleep(LOOK_MS, signal);
    try {
      const now = await api.unit(unit);
      if (now === undefined) return undefined;
      const { machineID } = now;
      if (machineID !== undefined && machineID !== at && now.currentState !== "inactive")
        return machineID;
    } catch {
      signal.throwIfAborted(); // the API may come back
    }
  }
}

function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error && "code" in error)) return false;
  const status = "facts" in error ? (error.facts as { status?: number }).status : undefined;
  return error.code === "FLEET_UNREACHABLE" || status === 502;
}
