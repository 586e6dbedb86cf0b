import type { SchemaAsker, SchemaMachine } from "#fleet/core/schema.ts";
import type { Api } from "./api.ts";
import { askerOf } from "./asker.ts";
import { mapConcurrently, settle } from "./concurrent.ts";
import { inJson, printJson } from "./json.ts";
import { machineLegend } from "./legends.ts";
import { chooseMachines } from "./machine-args.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";

/** `remove MACHINE...`: they are taken off the record, and their units go elsewhere at once. */
export function runRemove(session: Session): Promise<number> {
  const force = session.flags.bool("force");
  return forEach(session, {
    verb: "remove",
    past: "removed",
    isAll: true,
    carryOut: (api, machine, asker) => api.removeMachine(machine, { ...asker, force }),
  });
}

interface Verb {
  readonly verb: string;
  readonly past: string;
  /** Whether machines that are gone may be meant too. */
  readonly isAll?: boolean;
  readonly carryOut: (api: Api, machine: string, asker: SchemaAsker) => Promise<void>;
}

/** `cordon MACHINE...`: no unit is placed there any more; what runs goes on. */
export function runCordon(session: Session): Promise<number> {
  return forEach(session, {
    verb: "cordon",
    past: "cordoned",
    carryOut: (api, machine, asker) => api.cordon(machine, asker),
  });
}

/** `uncordon MACHINE...`: they take units again, and are drained no longer. */
export function runUncordon(session: Session): Promise<number> {
  return forEach(session, {
    verb: "uncordon",
    past: "uncordoned",
    carryOut: (api, machine, asker) => api.uncordon(machine, asker),
  });
}

async function forEach(session: Session, { carryOut, isAll, past, verb }: Verb): Promise<number> {
  const { api, args, out } = session;
  const machines = chooseMachines(args, await (isAll ? api.allMachines() : api.machineList()));
  const asker = askerOf(session);
  const results = await mapConcurrently(machines, ({ id }) =>
    settle(() => carryOut(api, id, asker)),
  );
  const byId = new Map<string, SchemaMachine>(machines.map((machine) => [machine.id, machine]));
  for (const [i, result] of results.entries()) {
    const legend = machineLegend(machines[i]!.id, byId, false);
    if (!result.isDone) tellFailure(session, `Cannot ${verb} machine ${legend}`, result.error);
    else if (!inJson(session)) out(`Machine ${legend} ${past}`);
  }
  if (inJson(session))
    printJson(
      session,
      machines.map(({ id, primaryIP }, i) => ({
        machine: id,
        ip: primaryIP || null,
        done: results[i]!.isDone,
      })),
    );
  return results.every(({ isDone }) => isDone) ? 0 : 1;
}
