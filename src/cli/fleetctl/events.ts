import { Fault } from "#base/fault.ts";
import type { EventsAsked } from "#fleet/client.ts";
import { parseDurationMs } from "#fleet/core/fleet-config.ts";
import type { FleetEvent } from "#fleet/core/fleet-event.ts";
import { inJson, printJson } from "./json.ts";
import { withIds } from "./legends.ts";
import { chooseMachine } from "./machine-args.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";

/** The API is asked again after so long without an event, or sooner when a request may not take that long. */
const WAIT_SECONDS_MAX = 50;

/** `events`: what happened in the cluster, to which unit or machine, by whom and why. */
export async function runEvents(session: Session): Promise<number> {
  const { api, args, clock, err, flags } = session;
  if (args.length > 0) {
    err(`Cannot use argument ${JSON.stringify(args[0])}: name units by --unit`, "USAGE");
    return 2;
  }
  const text = (name: string) => flags.text(name) || undefined;
  const [unit, machine, since] = [text("unit"), text("machine"), text("since")];
  const from = since === undefined ? {} : { since: timeOf(since, clock.now()) };
  const limit = linesOf(flags.number("lines"));
  const filter: EventsAsked = {
    ...(unit !== undefined && {
      unit: unit.includes(".") || /[*?[]/.test(unit) ? unit : `${unit}.service`,
    }),
    ...(machine !== undefined && { machine: await idOf(session, machine) }),
  };
  try {
    const first = await api.events({ ...filter, ...from, limit });
    if (!flags.bool("follow")) {
      if (inJson(session)) printJson(session, first.events);
      else print(session, first.events);
      return 0;
    }
    print(session, first.events);
    return await follow(session, filter, first.next);
  } catch (error) {
    if (session.io.signal.aborted) throw error;
    err(`Error retrieving events: ${apiSentence(session, error)}`);
    return 1;
  }
}

/** An id or its beginning may be that of a machine that nothing else is on record of; other words name one that is. */
async function idOf({ api }: Session, word: string): Promise<string> {
  const beginning = /^([0-9a-f]+)(\.\.\.(\/.*)?)?$/.exec(word)?.[1];
  return beginning ?? chooseMachine(word, await api.allMachines()).id;
}

async function follow(session: Session, filter: EventsAsked, from: number): Promise<never> {
  const wait = Math.min(WAIT_SECONDS_MAX, Math.floor(session.flags.number("request-timeout") / 2));
  for (let next = from; ; ) {
    const page = await session.api.events({ ...filter, since: String(next), wait });
    print(session, page.events);
    next = page.next;
    // Below two seconds of request timeout there is no waiting at the other end.
    if (wait === 0) await session.clock.sleep(1_000, session.io.signal);
  }
}

/** A line for each; with `--json` an object. */
function print(session: Session, events: readonly FleetEvent[]): void {
  const { flags, out } = session;
  const full = flags.bool("full");
  for (const event of events) out(inJson(session) ? JSON.stringify(event) : lineOf(event, full));
}

function lineOf(event: FleetEvent, full: boolean): string {
  const { at, what, unit, machine, who, why, before, after } = event;
  const short = (text: string) => withIds(text, full);
  const change =
    before === undefined && after === undefined ? undefined : `${before ?? "-"} → ${after ?? "-"}`;
  const where = unit !== undefined && machine !== undefined ? `on ${machine}` : machine;
  const parts = [at, what, unit, where, change].filter((part) => part !== undefined);
  return short(`${parts.join(" ")} by ${who}${why === "" ? "" : `: ${why}`}`);
}

function linesOf(lines: number): number {
  if (lines > 0) return lines;
  throw new Fault("USAGE", `Cannot use --lines=${lines}: expected a number above 0`);
}

/** A time, or how long ago. */
function timeOf(text: string, now: Date): string {
  const agoMs = parseDurationMs(text);
  const atMs = agoMs === undefined ? Date.parse(text) : now.getTime() - agoMs;
  if (Number.isNaN(atMs))
    throw new Fault(
      "USAGE",
      `Cannot use --since=${text}: expected how long ago, such as 10m or 2h, or a time such as 2026-01-31T12:00:00Z`,
    );
  return new Date(atMs).toISOString();
}
