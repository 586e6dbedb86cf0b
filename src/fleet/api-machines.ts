import * as v from "valibot";
import { answerAlive } from "./api-alive.ts";
import { ApiRefusal, sendEmpty, sendJson } from "./api-answer.ts";
import { Asker, bodyOf } from "./api-asker.ts";
import { allow, following, seen } from "./api-checks.ts";
import type { ApiContext, Exchange } from "./api-context.ts";
import { removeMachine } from "./api-remove.ts";
import { viewDrain } from "./core/drain.ts";
import { isMachineId, type MachineId } from "./core/machine-id.ts";
import { type MachineMark, writeDrain, writeMark } from "./core/machine-marks.ts";
import { viewMachine } from "./core/views.ts";

const DEADLINE_MAX_SECONDS = 30 * 24 * 3600;

const CordonBody = v.object(Asker);
const DrainBody = v.object({
  ...Asker,
  deadlineSeconds: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(DEADLINE_MAX_SECONDS))),
});

/** Answers requests about one machine. */
export async function machinePart(
  context: ApiContext,
  exchange: Exchange,
  id: string,
  part: string | undefined,
): Promise<void> {
  switch (part) {
    case undefined:
      return oneMachine(context, exchange, id);
    case "alive":
      allow(exchange.request.method ?? "", "GET");
      return answerAlive(context, exchange, id);
    case "leave":
      return leaveMachine(context, exchange, id);
    case "cordon":
      return cordon(context, exchange, id);
    case "drain":
      return drain(context, exchange, id);
    default:
      throw new ApiRefusal(404, "");
  }
}

async function oneMachine(context: ApiContext, exchange: Exchange, id: string): Promise<void> {
  const method = exchange.request.method ?? "";
  allow(method, "GET", "DELETE");
  if (method === "DELETE") return removeMachine(context, exchange, id);
  following(context);
  const { model } = context.feed;
  sendJson(exchange.response, 200, viewMachine(model, model.machines.get(present(context, id))!));
}

async function leaveMachine(context: ApiContext, exchange: Exchange, id: string): Promise<void> {
  allow(exchange.request.method ?? "", "POST");
  if (id !== context.me)
    throw new ApiRefusal(
      400,
      `cannot make machine ${id} leave: this is ${context.me}; ask it there`,
    );
  await context.leave(exchange.signal);
  sendEmpty(exchange.response, 204);
}

/** POST closes the machine to new units; DELETE opens it again, and ends a drain. */
async function cordon(context: ApiContext, exchange: Exchange, id: string): Promise<void> {
  const method = exchange.request.method ?? "";
  allow(method, "POST", "DELETE");
  const asker = await bodyOf(exchange, CordonBody);
  following(context);
  const machine = present(context, id);
  if (method === "POST") await close(context, machine, asker, exchange.signal);
  else await open(context, machine, asker, exchange.signal);
  sendEmpty(exchange.response, 204);
}

/** A machine that is closed already stays closed for the reason that it was. */
async function close(
  context: ApiContext,
  machine: MachineId,
  { by, why }: Pick<MachineMark, "by" | "why">,
  signal: AbortSignal,
): Promise<void> {
  const { clock, events, feed, registry } = context;
  if (feed.model.machine(machine)?.cordoned !== undefined) return;
  const mark = writeMark({ by, why, at: clock.now().toISOString() });
  await seen(context, await registry.setMark(machine, "cordoned", mark, signal), signal);
  events.tell({ what: "cordoned", machine, who: by, why });
}

/** POST begins to drain the machine, or sets another deadline; DELETE ends that, and leaves it cordoned. */
async function drain(context: ApiContext, exchange: Exchange, id: string): Promise<void> {
  const method = exchange.request.method ?? "";
  allow(method, "GET", "POST", "DELETE");
  const { deadlineSeconds, ...asker } = await bodyOf(exchange, DrainBody);
  following(context);
  const machine = present(context, id);
  const { feed, clock, registry, events } = context;
  if (method === "GET") {
    const { lost, held } = feed.verdict();
    return sendJson(exchange.response, 200, viewDrain(feed.model, lost, held, machine));
  }
  if (method === "DELETE") {
    const index = await registry.setMark(machine, "draining", undefined, exchange.signal);
    await seen(context, index, exchange.signal);
    const { by: who, why } = asker;
    if (index !== undefined) events.tell({ what: "drain ended", machine, who, why });
    return sendEmpty(exchange.response, 204);
  }
  await close(context, machine, asker, exchange.signal);
  const nowMs = clock.now().getTime();
  const deadline =
    deadlineSeconds === undefined
      ? undefined
      : new Date(nowMs + deadlineSeconds * 1000).toISOString();
  const at = new Date(nowMs).toISOString();
  const value = writeDrain({ ...asker, at, deadline, isOver: false });
  const index = await registry.setMark(machine, "draining", value, exchange.signal);
  await seen(context, index, exchange.signal);
  const { by: who, why } = asker;
  events.tell({ what: "draining", machine, who, why, ...(deadline && { after: deadline }) });
  sendEmpty(exchange.response, 204);
}

async function open(
  context: ApiContext,
  machine: MachineId,
  { by, why }: Pick<MachineMark, "by" | "why">,
  signal: AbortSignal,
): Promise<void> {
  const { events, registry } = context;
  let newest: number | undefined;
  // The drain first: while it goes on, the machine is closed anyway.
  for (const part of ["draining", "cordoned"] as const)
    newest = (await registry.setMark(machine, part, undefined, signal)) ?? newest;
  if (newest === undefined) return;
  await seen(context, newest, signal);
  events.tell({ what: "uncordoned", machine, who: by, why });
}

/** @throws {ApiRefusal} 404 when there is no such machine now */
function present({ feed }: ApiContext, id: string): MachineId {
  if (isMachineId(id) && feed.model.machines.has(id)) return id;
  throw new ApiRefusal(404, `there is no machine ${id}`);
}
