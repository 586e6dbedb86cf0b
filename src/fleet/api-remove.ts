import * as v from "valibot";
import { reasonOf } from "#base/fault.ts";
import { parseAddress } from "#base/listen.ts";
import { ApiRefusal, sendEmpty } from "./api-answer.ts";
import { Asker, bodyOf } from "./api-asker.ts";
import { following, seen } from "./api-checks.ts";
import type { ApiContext, Exchange } from "./api-context.ts";
import type { ClusterModel } from "./core/cluster-model.ts";
import { goneMachines, notesOn } from "./core/known-machines.ts";
import { isMachineId, type MachineId } from "./core/machine-id.ts";
import { writeMark } from "./core/machine-marks.ts";
import { machineState } from "./core/machine-state.ts";
import { bodyText, httpRequest } from "./http-request.ts";
import { inParallel } from "./in-parallel.ts";

const Body = v.object({ ...Asker, force: v.optional(v.boolean(), false) });
const WRITES_MAX = 16;
/** How long a machine that has left may take to be seen to be gone. */
const GONE_MS = 5_000;
const LOOK_MS = 50;

/**
 * Answers DELETE /machines/ID: takes a machine off the record that is gone for good, upon which its units go elsewhere at
 * once. One that is alive leaves first, by its own API.
 * @throws {ApiRefusal} 404, and 409 for a machine that is alive, be it held, and neither drained nor to be forced
 */
export async function removeMachine(
  context: ApiContext,
  exchange: Exchange,
  id: string,
): Promise<void> {
  const { force, by, why } = await bodyOf(exchange, Body);
  following(context);
  const { clock, events, feed, registry } = context;
  const { model } = feed;
  const isPresent = isMachineId(id) && model.machines.has(id);
  if (!isMachineId(id) || !(isPresent || goneMachines(model).includes(id)))
    throw new ApiRefusal(404, `there is no machine ${id}, and nothing is on record of one`);
  const { signal } = exchange;
  if (isPresent) await leaveFirst(context, id, force, signal);
  else if (!force) refuseHeld(model, id);
  const mark = writeMark({ by, why, at: clock.now().toISOString() });
  await registry.markRemoved(id, mark, signal);
  const index = await clearAway(context, id, signal);
  await seen(context, index, signal);
  events.tell({ what: "removed", machine: id, who: by, why });
  sendEmpty(exchange.response, 204);
}

/** It is alive and cannot be told to leave, for that takes the store. */
function refuseHeld(model: ClusterModel, id: MachineId): void {
  const why = model.machine(id)?.held?.value.why;
  if (why !== undefined)
    throw new ApiRefusal(
      409,
      `cannot remove machine ${id}: it is alive (held): ${why}; end its fleetd and its units first, or force it, upon which they start elsewhere too`,
    );
}

async function leaveFirst(
  context: ApiContext,
  id: MachineId,
  force: boolean,
  signal: AbortSignal,
): Promise<void> {
  const { clock, feed, me } = context;
  const state = machineState(feed.model, id);
  if (state !== "drained" && !force)
    throw new ApiRefusal(
      409,
      `cannot remove machine ${id}: it is alive (${state}); drain it first, or force it, which stops its units there`,
    );
  if (id === me) await context.leave(signal);
  else await leaveElsewhere(context, id, signal);
  const limitMs = clock.monotonicMs() + GONE_MS;
  while (feed.model.machines.has(id)) {
    if (clock.monotonicMs() > limitMs)
      throw new ApiRefusal(409, `cannot remove machine ${id}: it is on record again after it left`);
    await clock.sleep(LOOK_MS, signal);
  }
}

async function leaveElsewhere(
  { feed }: ApiContext,
  id: MachineId,
  signal: AbortSignal,
): Promise<void> {
  const api = feed.model.api(id);
  const advice = "stop its fleetd, and try again when its record has run out";
  if (api === undefined)
    throw new ApiRefusal(
      409,
      `cannot remove machine ${id}: it is alive and tells no address of its fleet API; ${advice}`,
    );
  const what = { method: "POST", path: `/fleet/v1/machines/${id}/leave` };
  const answer = await httpRequest(parseAddress(api), what, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new ApiRefusal(
      502,
      `cannot make machine ${id} leave by ${api}: ${reasonOf(error)}; ${advice}`,
    );
  });
  const text = await bodyText(answer);
  if (answer.statusCode !== 204)
    throw new ApiRefusal(502, `cannot make machine ${id} leave by ${api}: ${text}; ${advice}`);
}

/** Everything that is on record of the machine; gives the index of the last write. */
async function clearAway(
  { feed, registry }: ApiContext,
  id: MachineId,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { model } = feed;
  const units = [...model.states.keys()].filter((unit) => model.states.get(unit)?.has(id)).sort();
  await inParallel(units, WRITES_MAX, async (unit) => {
    await registry.removeState(unit, id, signal);
  });
  await inParallel(notesOn(model, id), WRITES_MAX, async ({ index, room, unit }) => {
    await registry.removeKey(model.keys.note(room, unit, id), index, signal);
  });
  return registry.removeMachine(id, signal);
}
