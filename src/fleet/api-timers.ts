import * as v from "valibot";
import { ApiRefusal, sendJson } from "./api-answer.ts";
import { Asker, bodyOf } from "./api-asker.ts";
import { allow, following, seen } from "./api-checks.ts";
import type { ApiContext, Exchange } from "./api-context.ts";
import type { Job } from "./core/job.ts";
import { judgeTrigger, viewTimers } from "./core/timers.ts";
import { asSeen, isKeysError } from "./registry.ts";

/** Answers GET /timers: units that the clock starts, by name. */
export function answerTimers(context: ApiContext, { request, response }: Exchange): void {
  allow(request.method ?? "", "GET");
  following(context);
  const nowMs = context.clock.now().getTime();
  sendJson(response, 200, { timers: viewTimers(context.feed.model, nowMs) });
}

/**
 * Answers POST /units/NAME/trigger: has a unit of the clock run now.
 * @throws {ApiRefusal} 409 with the reason when it cannot, and when another run was told meanwhile
 */
export async function triggerUnit(
  context: ApiContext,
  exchange: Exchange,
  { name }: Pick<Job, "name">,
): Promise<void> {
  const { clock, events, feed, registry } = context;
  allow(exchange.request.method ?? "", "POST");
  const { by, why } = await bodyOf(exchange, v.object(Asker));
  following(context);
  const job = feed.model.jobs.get(name);
  const refusal = job === undefined ? "it does not exist" : judgeTrigger(feed.model, job);
  if (refusal !== undefined) throw new ApiRefusal(409, `cannot trigger ${name}: ${refusal}`);
  const at = clock.now().toISOString();
  const run = JSON.stringify({ scheduled: at, at, by, why: why === "" ? "triggered" : why });
  const over = asSeen(feed.model.notes.runs.get(name)?.index);
  const index = await registry
    .writeNote({ room: "runs", unit: name }, run, over, exchange.signal)
    .catch((error: unknown) => {
      if (!isKeysError(error, 100, 101, 105)) throw error;
      throw new ApiRefusal(409, `cannot trigger ${name}: another run was told meanwhile`);
    });
  events.tell({ what: "run", unit: name, who: by, why: why === "" ? "triggered" : why });
  await seen(context, index, exchange.signal);
  sendJson(exchange.response, 200, { unit: name, run: index });
}
