import * as v from "valibot";
import { ApiRefusal } from "./api-answer.ts";
import { decoded } from "./api-asker.ts";
import { refuseCycle } from "./api-checks.ts";
import type { ApiContext } from "./api-context.ts";
import type { ClusterModel } from "./core/cluster-model.ts";
import { type PlannedWrite, planUnits } from "./core/plan.ts";
import type { SchemaPlan } from "./core/schema.ts";
import { readUnitRequest } from "./core/unit-request.ts";
import { hashOf } from "./unit-files.ts";

/** Units that one plan may be about: what is decided at once keeps the daemon from its other work. */
const UNITS_MAX = 1_000;

const Body = v.object({ units: v.array(v.looseObject({ name: v.string() })) });

/**
 * Answers POST /plan: what the units of the body would do if they were put one by one, decided on a copy of what this
 * daemon has mirrored. Writes nothing, whether or not this machine's engine leads.
 * @throws {ApiRefusal} what a PUT of one of the units would be refused with, and for a body that is none
 */
export async function answerPlan(
  { clock, feed }: ApiContext,
  text: string,
  signal: AbortSignal,
): Promise<SchemaPlan> {
  const units = readBody(text);
  const model = await feed.copy(signal);
  const writes = units.map((unit) => writeOf(unit, model, clock.now().getTime()));
  const { lost, held } = feed.verdict();
  return planUnits(model, { lost, held }, writes);
}

function readBody(text: string): v.InferOutput<typeof Body>["units"] {
  const { units } = decoded(Body, text);
  if (units.length > UNITS_MAX)
    throw new ApiRefusal(
      400,
      `a plan is about at most ${UNITS_MAX} units, not ${units.length}; plan them in parts`,
    );
  const names = new Set<string>();
  const twice = units.find(({ name }) => names.size === names.add(name).size)?.name;
  if (twice !== undefined)
    throw new ApiRefusal(400, `unit ${JSON.stringify(twice)} is in the request twice`);
  return units;
}

function writeOf(
  unit: { readonly name: string },
  model: ClusterModel,
  nowMs: number,
): PlannedWrite {
  const asked = readUnitRequest(
    unit.name,
    JSON.stringify(unit),
    (name) => model.jobs.get(name),
    hashOf,
    nowMs,
  );
  if (asked.kind === "refuse") throw new ApiRefusal(asked.status, asked.message);
  refuseCycle(model, asked);
  const { desired, name } = asked;
  if (asked.kind === "update") return { name, text: undefined, desired };
  return { name, text: { raw: asked.raw, hash: hashOf(asked.raw) }, desired };
}
