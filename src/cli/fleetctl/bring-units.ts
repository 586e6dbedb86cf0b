import { Fault } from "#base/fault.ts";
import type { UnitStateName } from "#fleet/core/schema.ts";
import { mapConcurrently, settle } from "./concurrent.ts";
import type { Expected } from "./judge.ts";
import { type PreparedUnit, prepareUnits } from "./prepare-units.ts";
import { apiSentence } from "./refusal.ts";
import type { Session } from "./session.ts";
import { isGlobalUnit, isTemplate, traitsOf } from "./units.ts";

/** A unit after its desired state was set. */
interface BroughtUnit extends Omit<Expected, "hasRun"> {
  readonly isGlobal: boolean;
  /** Whether anything was changed; otherwise the unit already had that desired state. */
  readonly changed: boolean;
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
  const { err } = session;
  const failed: Brought = { units: [], failed: true };
  let prepared: PreparedUnit[];
  try {
    prepared = await prepareUnits(session, target);
  } catch (error) {
    complain(session, "Error creating units", error);
    return failed;
  }
  const template = prepared.find((unit) => isTemplate(unit.name));
  if (template !== undefined && target !== "inactive") {
    err(
      `Error ${doing} units: googleapi: Error 400: cannot activate template ${JSON.stringify(template.name)}`,
    );
    return failed;
  }
  const wanted = prepared.filter((unit) => unit.kind !== "leave");
  const able = wanted.filter((unit) => unit.kind !== "refuse");
  const results = await mapConcurrently(able, async (unit) =>
    settle(() => bring(session, target, unit)),
  );
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

async function bring(
  session: Session,
  target: UnitStateName,
  unit: Exclude<PreparedUnit, { kind: "leave" | "refuse" }>,
): Promise<BroughtUnit> {
  const { name } = unit;
  const options = unit.kind === "keep" ? unit.before.options : unit.options;
  const about = {
    ...traitsOf({ name, options }),
    isGlobal: isGlobalUnit({ name, options }),
    isNew: unit.kind === "create",
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

function complain({ err }: Session, head: string, error: unknown): void {
  err(`${head}: ${apiSentence(error)}`);
  const detail = error instanceof Fault ? error.facts["detail"] : undefined;
  if (detail !== undefined) err(String(detail));
}
