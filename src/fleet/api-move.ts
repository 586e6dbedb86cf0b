import * as v from "valibot";
import { ApiRefusal, sendJson } from "./api-answer.ts";
import { Asker, bodyOf } from "./api-asker.ts";
import { allow, following, seen } from "./api-checks.ts";
import type { ApiContext, Exchange } from "./api-context.ts";
import type { Job } from "./core/cluster-model.ts";
import { isMachineId } from "./core/machine-id.ts";
import { describeMark } from "./core/machine-marks.ts";
import { planMove } from "./core/move.ts";
import { moveOf } from "./core/plan.ts";
import type { SchemaMoved } from "./core/schema.ts";
import { isKeysError } from "./registry.ts";

const Body = v.object({
  ...Asker,
  machineID: v.pipe(v.string(), v.check(isMachineId, "expected a machine id")),
  force: v.optional(v.boolean(), false),
});

/**
 * Answers POST /units/NAME/move: writes the machine that somebody wants the unit on, if the scheduler would leave it there.
 * @throws {ApiRefusal} 409 with the reason if it would not, and when the unit was moved meanwhile
 */
export async function moveUnit(
  context: ApiContext,
  exchange: Exchange,
  { name }: Pick<Job, "name">,
): Promise<void> {
  const { feed, registry, events } = context;
  allow(exchange.request.method ?? "", "POST");
  const { machineID, force, by, why } = await bodyOf(exchange, Body);
  following(context);
  if (!isMachineId(machineID) || !feed.model.machines.has(machineID))
    throw new ApiRefusal(409, `cannot move ${name} to ${machineID}: there is no such machine`);
  const reason = `moved ${describeMark({ by, why, at: "" })}`;
  const wish = { unit: name, to: machineID, reason, isForced: force };
  const plan = planMove(feed.model, feed.verdict().lost, wish);
  if (plan.kind === "refuse")
    throw new ApiRefusal(409, `cannot move ${name} to ${machineID}: ${plan.reason}`);
  const answer: SchemaMoved = {
    unit: name,
    from: plan.kind === "none" ? machineID : plan.from,
    to: machineID,
    others: plan.kind === "none" ? [] : plan.others.map(moveOf),
  };
  if (plan.kind === "move") {
    const { from } = plan;
    await registry.move(name, from, machineID, exchange.signal).then(
      (index) => seen(context, index, exchange.signal),
      (error: unknown) => {
        if (!isKeysError(error, 100, 101)) throw error;
        const advice = "somebody moved it meanwhile; look where it is, and try again";
        throw new ApiRefusal(409, `cannot move ${name} to ${machineID}: ${advice}`);
      },
    );
    const before = { before: from, after: machineID };
    events.tell({ what: "moved", unit: name, machine: machineID, who: by, why, ...before });
  }
  sendJson(exchange.response, 200, answer);
}
