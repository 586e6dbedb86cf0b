import { pipeline } from "node:stream/promises";
import { reasonOf } from "#base/fault.ts";
import { parseAddress } from "#base/listen.ts";
import { ApiRefusal } from "./api-answer.ts";
import type { ApiContext, Exchange } from "./api-context.ts";
import type { Job } from "./core/cluster-model.ts";
import { isMachineId, type MachineId } from "./core/machine-id.ts";
import { FORWARDED, httpRequest } from "./http-request.ts";

/** Passes a request about a unit on to the machine that runs it; false when that is this one. */
export async function forwardable(
  context: ApiContext,
  exchange: Exchange,
  job: Job,
): Promise<boolean> {
  const at = machineOf(context, job, exchange.url.searchParams.get("machineID"));
  if (at === context.me) return false;
  if (exchange.request.headers[FORWARDED] !== undefined)
    throw new ApiRefusal(502, `${job.name} was looked for on ${context.me}, but it is on ${at}`);
  const api = context.feed.model.api(at);
  if (api === undefined)
    throw new ApiRefusal(
      502,
      `cannot ask machine ${at} about ${job.name}: it tells no address of its fleet API; set api_listen and api_advertise there`,
    );
  await pass(exchange, at, api);
  return true;
}

async function pass({ request, response, signal }: Exchange, at: string, api: string) {
  const headers = { [FORWARDED]: "1" };
  const answer = await httpRequest(
    parseAddress(api),
    { path: request.url ?? "/", headers },
    signal,
  ).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new ApiRefusal(502, `cannot ask machine ${at} at ${api}: ${reasonOf(error)}`);
  });
  const type = answer.headers["content-type"] ?? "application/json";
  response.writeHead(answer.statusCode ?? 502, { "Content-Type": type });
  response.flushHeaders();
  await pipeline(answer, response, { signal });
}

/** Where to ask: the machine asked for, else the one the unit is placed on, else one that reports it. */
export function machineOf(context: ApiContext, job: Job, wanted: string | null): MachineId {
  const { me, feed } = context;
  const states = feed.model.states.get(job.name);
  if (wanted) {
    if (isMachineId(wanted) && feed.model.machines.has(wanted)) return wanted;
    throw new ApiRefusal(404, `there is no machine ${wanted}`);
  }
  if (job.target !== undefined) return job.target.value;
  if (states?.has(me)) return me;
  const [first] = [...(states?.keys() ?? [])].filter((id) => feed.model.machines.has(id)).sort();
  if (first === undefined) throw new ApiRefusal(409, `unit ${job.name} is on no machine`);
  return first;
}
