import { Fault } from "#base/fault.ts";
import { arrivalOrder } from "#fleet/core/arrival-order.ts";
import { startLayers } from "#fleet/core/order-cycle.ts";
import type { UnitStateName } from "#fleet/core/schema.ts";
import { mapConcurrently, settle } from "./concurrent.ts";
import { overBefore } from "./follow-rollout.ts";
import type { Expected } from "./judge.ts";
import { type PreparedUnit, prepareUnits } from "./prepare-units.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";
import { type AbleUnit, refuseCycles, wantsOf } from "./unit-order.ts";
import { isGlobalUnit, isRolling, isTemplate, traitsOf } from "./units.ts";

/** A unit after its desired state was set. */
interface BroughtUnit extends Omit<Expected, "hasRun"> {
  readonly isGlobal: boolean;
  /** Whether anything was changed; otherwise the unit already had that desired state. */
  readonly changed: boolean;
  /** Whether it was given another text, which asks for a rollout; or, with `--replace`, may be in one since before. */
  readonly rolls: boolean;
  /** Whether it had this text before. */
  readonly isSame: boolean;
  readonly begunBefore: string | undefined;
}

export interface Brought {
  readonly units: readonly BroughtUnit[];
  /** Whether something could not be done; it has been said. */
  readonly failed: boolean;
}

/**
 * Makes the units of the arguments known to the cluster and sets their desired state, each in one write. Everything is
 * checked first, so what cannot work changes nothing.
 */
export async function bringUnits(
  session: Session,
  target: UnitStateName,
  doing: "creating" | "loading" | "starting",
): Promise<Brought> {
  const prepared = await prepareOrComplain(session, target, doing);
  if (prepared === undefined) return { units: [], failed: true };
  const wanted = prepared.filter((unit) => unit.kind !== "leave");
  const able = wanted.filter((unit) => unit.kind !== "refuse");
  const results = await inOrder(able, async (unit) => settle(() => bring(session, target, unit)));
  for (const [i, result] of results.entries()) {
    const { kind, name } = able[i]!;
    const isKept = kind === "keep";
    if (result.isDone && !isKept) session.out(`Unit ${name} inactive`);
    if (result.isDone) continue;
    const head = isKept
      ? `Error ${doing} units`
      : `Error creating units: failed creating unit ${name}`;
    complain(session, head, result.error);
  }
  const units = results.flatMap((result) => (result.isDone ? [result.value] : []));
  return { units, failed: units.length < wanted.length };
}

/** The units of the arguments, checked; undefined after saying why nothing can be done. */
export async function prepareOrComplain(
  session: Session,
  target: UnitStateName,
  doing: "creating" | "loading" | "starting",
): Promise<PreparedUnit[] | undefined> {
  let prepared: PreparedUnit[];
  try {
    prepared = await prepareUnits(session, target);
    await refuseCycles(session, prepared);
  } catch (error) {
    complain(session, "Error creating units", error);
    return undefined;
  }
  const template = prepared.find((unit) => isTemplate(unit.name));
  if (template === undefined || target === "inactive") return prepared;
  session.err(
    `Error ${doing} units: googleapi: Error 400: cannot activate template ${JSON.stringify(template.name)}`,
    "FLEET_REFUSED",
  );
  return undefined;
}

/** Up to so many units are written one after another; with more, time counts for more than which machine each gets. */
const ORDERED_MAX = 8;

/**
 * Calls for every unit in the order in which a plan takes them, each only once what it is to come after was; results in
 * the order of the units.
 */
async function inOrder<T extends AbleUnit, R>(
  units: readonly T[],
  call: (unit: T) => Promise<R>,
): Promise<R[]> {
  const layers = startLayers(
    units.map((unit, i) => ({ i, name: unit.name, wants: wantsOf(unit) })),
  );
  const results: R[] = [];
  const run = async ({ i }: { readonly i: number }) => {
    results[i] = await call(units[i]!);
  };
  for (const layer of layers) {
    const order = arrivalOrder(layer);
    if (units.length > ORDERED_MAX) await mapConcurrently(order, run);
    else for (const one of order) await run(one);
  }
  return results;
}

async function bring(
  session: Session,
  target: UnitStateName,
  unit: AbleUnit,
): Promise<BroughtUnit> {
  const { name } = unit;
  const options = unit.kind === "keep" ? unit.before.options : unit.options;
  const replaces = unit.kind === "keep" && session.flags.isOn("replace");
  const rolls = (unit.kind === "replace" || replaces) && isRolling({ name, options });
  const about = {
    ...traitsOf({ name, options }),
    isGlobal: isGlobalUnit({ name, options }),
    isNew: unit.kind === "create",
    rolls,
    isSame: unit.kind === "keep",
    begunBefore: rolls ? await overBefore(session, name) : undefined,
  };
  if (unit.kind !== "keep") {
    await session.api.create(name, options, target);
    return { ...about, changed: true };
  }
  // Submitting a unit that exists leaves it in the state it is in.
  const changed = unit.before.desiredState !== target && target !== "inactive";
  if (changed) await session.api.setDesiredState(name, target);
  return { ...about, changed };
}

function complain(session: Session, head: string, error: unknown): void {
  tellFailure(session, head, error);
  const detail = error instanceof Fault ? error.facts["detail"] : undefined;
  if (detail !== undefined) session.err(String(detail));
}
