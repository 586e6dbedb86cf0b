import { EXPOSITION_TYPE } from "#base/prometheus.ts";
import { isUnitName, type UnitName } from "#unitfile/core/unit-name.ts";
import { ApiRefusal, jsonBody, sendEmpty, sendJson, sendPieces, sendText } from "./api-answer.ts";
import { allow, following, refuseCycle, seen } from "./api-checks.ts";
import type { ApiContext, Exchange } from "./api-context.ts";
import { answerEvents } from "./api-events.ts";
import { historyOf } from "./api-history.ts";
import { machinePart } from "./api-machines.ts";
import { patchMetadata } from "./api-metadata.ts";
import { moveUnit } from "./api-move.ts";
import { segmentsOf } from "./api-path.ts";
import { answerPlan } from "./api-plan.ts";
import { answerRebalance } from "./api-rebalance.ts";
import { putText, rolloutOf, takeBack } from "./api-rollout.ts";
import { clientOf, tellDestroyed, tellRequest } from "./api-tell.ts";
import { answerTimers, triggerUnit } from "./api-timers.ts";
import type { Job } from "./core/cluster-model.ts";
import { DISCOVERY_DOCUMENT } from "./core/discovery.ts";
import { explain } from "./core/explain.ts";
import { formatPageToken, pageOf, parsePageToken } from "./core/page-token.ts";
import { readUnitRequest, type UnitRequest } from "./core/unit-request.ts";
import { viewMachines, viewStates, viewUnit, viewUnits } from "./core/views.ts";
import { forwardable } from "./forward.ts";
import { hashOf } from "./unit-files.ts";

/** The most entries of a page that a client may ask for. */
const PAGE_MAX = 10_000;
const JOURNAL_LINES = 10; // as many as journalctl shows when it follows

/** Answers one request of the fleet API v1. */
export async function route(context: ApiContext, exchange: Exchange): Promise<void> {
  const { request, url } = exchange;
  const method = request.method ?? "";
  if (url.pathname === "/metrics") {
    allow(method, "GET");
    return sendText(exchange.response, EXPOSITION_TYPE, context.metrics());
  }
  const [resource, name, part, ...more] = segmentsOf(url);
  if (more.length > 0 || name === "") throw new ApiRefusal(404, "");
  if (resource === "discovery" && name === undefined) {
    if (method !== "GET")
      throw new ApiRefusal(400, "only HTTP GET supported against this resource");
    return sendJson(exchange.response, 200, DISCOVERY_DOCUMENT);
  }
  if (resource === "units") return units(context, exchange, name, part);
  if (resource === "state" && part === undefined) return states(context, exchange, name);
  if (resource === "machines") return machines(context, exchange, name, part);
  if (resource === "timers" && name === undefined) return answerTimers(context, exchange);
  if (resource === "events" && name === undefined) return answerEvents(context, exchange);
  if (resource === "rebalance" && name === undefined) return answerRebalance(context, exchange);
  if (resource === "plan" && name === undefined) {
    allow(method, "POST");
    const text = await jsonBody(exchange.request);
    following(context);
    return sendJson(exchange.response, 200, await answerPlan(context, text, exchange.signal));
  }
  throw new ApiRefusal(404, "");
}

async function units(
  context: ApiContext,
  exchange: Exchange,
  name: string | undefined,
  part: string | undefined,
): Promise<void> {
  const method = exchange.request.method ?? "";
  if (name === undefined) {
    allow(method, "GET");
    following(context);
    return sendPage(context, exchange, "units", viewUnits(context.feed.model));
  }
  if (part === "trigger") return triggerUnit(context, exchange, existingJob(context, name));
  if (part === "move") return moveUnit(context, exchange, existingJob(context, name));
  if (part === "rollout" && method === "DELETE") return deleteRollout(context, exchange, name);
  if (part !== undefined) {
    allow(method, "GET");
    return unitPart(context, exchange, name, part);
  }
  allow(method, "GET", "PUT", "DELETE");
  following(context);
  if (method === "PUT") return putUnit(context, exchange, name);
  const job = existingJob(context, name);
  if (method === "DELETE") return deleteUnit(context, exchange, job.name, job.hash);
  await sendUnit(context, exchange, job);
}

async function sendUnit(context: ApiContext, { request, response, signal }: Exchange, job: Job) {
  const now = () => {
    const found = context.feed.model.jobs.get(job.name);
    return found && viewUnit(context.feed.model, found);
  };
  const current = () => now()?.currentState;
  const shown = (await context.restarts.isShownLaunched(request, job.name, current, signal))
    ? { currentState: "launched" }
    : {};
  sendJson(response, 200, { ...(now() ?? viewUnit(context.feed.model, job)), ...shown });
}

async function putUnit(context: ApiContext, exchange: Exchange, name: string): Promise<void> {
  const text = await jsonBody(exchange.request);
  const { model } = context.feed;
  const nowMs = context.clock.now().getTime();
  const asked = readUnitRequest(name, text, (unit) => model.jobs.get(unit), hashOf, nowMs);
  if (asked.kind === "refuse") throw new ApiRefusal(asked.status, asked.message);
  refuseCycle(model, asked);
  const before = model.jobs.get(asked.name);
  const { desired: was, hash } = before ?? {};
  const shown = before && viewUnit(model, before).currentState;
  const index = await writeUnit(context, exchange, asked);
  context.restarts.noteSet(exchange.request, asked.name, shown, asked.desired);
  tellRequest(context, exchange.request, asked, { was, hash });
  await seen(context, index, exchange.signal);
  sendEmpty(exchange.response, asked.kind === "create" ? 201 : 204);
}

async function writeUnit(
  context: ApiContext,
  { request, signal }: Exchange,
  asked: Exclude<UnitRequest, { kind: "refuse" }>,
): Promise<number | undefined> {
  const { name, desired } = asked;
  if (asked.kind === "create")
    return putText(context, asked, clientOf(request, context.me), signal);
  const job = context.feed.model.jobs.get(name);
  // To ask for what is so already is no new wish: what runs once would run again for it.
  if (job?.isDesiredSaid === true && job.desired === desired) return undefined;
  return context.registry.setDesired(name, desired, signal);
}

async function deleteRollout(
  context: ApiContext,
  { request, response, signal }: Exchange,
  name: string,
): Promise<void> {
  following(context);
  const index = await takeBack(context, name, clientOf(request, context.me), signal);
  await seen(context, index, signal);
  sendEmpty(response, 204);
}

async function deleteUnit(
  context: ApiContext,
  { request, response, signal }: Exchange,
  name: UnitName,
  hash: string,
): Promise<void> {
  const index = await context.registry.destroyJob(name, hash, signal);
  tellDestroyed(context, request, name);
  await seen(context, index, signal);
  sendEmpty(response, 204);
}

async function unitPart(
  context: ApiContext,
  exchange: Exchange,
  name: string,
  part: string,
): Promise<void> {
  following(context);
  const { feed, console } = context;
  if (part === "reasons") {
    const job = existingJob(context, name);
    const reasons = explain(feed.model, job.name, feed.heldFor(job.name));
    return sendJson(exchange.response, 200, reasons);
  }
  if (part === "rollout") return sendJson(exchange.response, 200, rolloutOf(context, name));
  if (part === "history")
    return sendJson(exchange.response, 200, historyOf(context, name, exchange.url));
  if (part !== "status" && part !== "journal") throw new ApiRefusal(404, "");
  const job = existingJob(context, name);
  if (await forwardable(context, exchange, job)) return;
  const { response, signal, url } = exchange;
  if (part === "status") return sendJson(response, 200, await console.status(name, signal));
  const said = (name: string) => {
    const value = url.searchParams.get(name);
    return value === null ? {} : { [name]: value };
  };
  const how = {
    lines: lineCount(url.searchParams.get("lines")),
    ...said("since"),
    ...said("until"),
    ...said("grep"),
    output: url.searchParams.get("output") ?? "short",
    follow: url.searchParams.get("follow") === "true",
  };
  await sendPieces(response, console.journal(name, how, signal), signal);
}

async function states(
  context: ApiContext,
  exchange: Exchange,
  name: string | undefined,
): Promise<void> {
  allow(exchange.request.method ?? "", "GET");
  following(context);
  const { model } = context.feed;
  const { searchParams } = exchange.url;
  const machineID = searchParams.get("machineID") ?? undefined;
  const unitName = name ?? searchParams.get("unitName") ?? undefined;
  const all = viewStates(model, { unitName, machineID });
  if (name === undefined) return sendPage(context, exchange, "states", all);
  const [state] = all;
  if (state === undefined) throw new ApiRefusal(404, `no machine reports a state of unit ${name}`);
  sendJson(exchange.response, 200, state);
}

async function machines(
  context: ApiContext,
  exchange: Exchange,
  id: string | undefined,
  part: string | undefined,
): Promise<void> {
  const method = exchange.request.method ?? "";
  if (id !== undefined) return machinePart(context, exchange, id, part);
  const { feed } = context;
  allow(method, "GET", "PATCH");
  following(context);
  if (method === "GET") {
    const isAll = exchange.url.searchParams.get("all") === "true";
    return sendPage(context, exchange, "machines", viewMachines(feed.model, isAll));
  }
  await patchMetadata(context, exchange);
}

function existingJob({ feed }: ApiContext, name: string) {
  const job = isUnitName(name) ? feed.model.jobs.get(name) : undefined;
  if (job?.hash === undefined) throw new ApiRefusal(404, "unit does not exist");
  return { ...job, hash: job.hash };
}

function sendPage(
  { pageSize }: ApiContext,
  { response, url }: Exchange,
  field: string,
  all: readonly unknown[],
): void {
  const text = url.searchParams.get("nextPageToken");
  const limit = wantedLimit(url.searchParams.get("limit")) ?? pageSize;
  const token = text ? parsePageToken(text) : { limit, page: 1 };
  if (token === undefined)
    throw new ApiRefusal(400, `nextPageToken ${JSON.stringify(text)} is none that this API gave`);
  const { items, next } = pageOf(all, token);
  sendJson(response, 200, {
    ...(items.length > 0 && field < "n" && { [field]: items }),
    ...(next && { nextPageToken: formatPageToken(next) }),
    ...(items.length > 0 && field > "n" && { [field]: items }),
  });
}

/** Ours: a client may ask for pages longer than usual; the original's server does not look at it. */
function wantedLimit(text: string | null): number | undefined {
  if (text === null) return undefined;
  const limit = Number(text);
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new ApiRefusal(400, `limit ${JSON.stringify(text)} is no number of entries`);
  return Math.min(limit, PAGE_MAX);
}

function lineCount(text: string | null): number | undefined {
  if (text === "all") return undefined;
  const lines = text === null ? JOURNAL_LINES : Number(text);
  if (!Number.isSafeInteger(lines) || lines < 0)
    throw new ApiRefusal(400, `lines ${JSON.stringify(text)} is no number of lines`);
  return lines;
}
