import { ApiRefusal, sendJson } from "./api-answer.ts";
import { allow } from "./api-checks.ts";
import type { ApiContext, Exchange } from "./api-context.ts";

const WAIT_SECONDS_MAX = 60;
const LIMIT_MAX = 100_000;

/** Answers `GET /events`: what happened, of what is asked for, and from where to go on. */
export async function answerEvents(context: ApiContext, exchange: Exchange): Promise<void> {
  const { request, response, url, signal } = exchange;
  allow(request.method ?? "", "GET");
  const asked = (name: string) => url.searchParams.get(name) || undefined;
  const since = asked("since");
  const isPosition = since !== undefined && /^\d{1,15}$/.test(since);
  const query = {
    unit: asked("unit"),
    machine: asked("machine"),
    from: isPosition ? Number(since) : undefined,
    since: since === undefined || isPosition ? undefined : timeOf(since),
    waitMs: numberOf(asked("wait") ?? "0", "wait", WAIT_SECONDS_MAX) * 1000,
  };
  const limit = numberOf(asked("limit") ?? String(LIMIT_MAX), "limit", LIMIT_MAX);
  const { events, next } = await context.history.read(query, signal);
  sendJson(response, 200, { events: events.slice(Math.max(0, events.length - limit)), next });
}

function timeOf(text: string): string {
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs))
    throw new ApiRefusal(
      400,
      `since ${JSON.stringify(text)} is neither a time such as 2026-01-31T12:00:00Z nor a position that this API gave as next`,
    );
  return new Date(atMs).toISOString();
}

function numberOf(text: string, name: string, max: number): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0 || number > max)
    throw new ApiRefusal(400, `${name} ${JSON.stringify(text)} is no number from 0 to ${max}`);
  return number;
}
