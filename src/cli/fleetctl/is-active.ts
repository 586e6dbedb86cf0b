import { isActiveWord, machinesOf, placesOf, wordFor } from "./condition.ts";
import { findUnits } from "./find-units.ts";
import { inJson, printJson } from "./json.ts";
import { tellFailure } from "./refusal.ts";
import type { Session } from "./session.ts";

/** systemctl's exit statuses, except that 1 only says that nobody could be asked. */
const EXIT = { yes: 0, no: 3, noSuchUnit: 4 } as const;

/** Prints systemd's word for each unit; exits with 0 when all units named are active. */
export function runIsActive(session: Session): Promise<number> {
  return ask(session, (words, missing) => {
    if (missing > 0) return EXIT.noSuchUnit;
    return words.every(isActiveWord) ? EXIT.yes : EXIT.no;
  });
}

/** Prints systemd's word for each unit; exits with 0 when one of them has failed. */
export function runIsFailed(session: Session): Promise<number> {
  return ask(session, (words, missing) => {
    if (words.includes("failed")) return EXIT.yes;
    return missing > 0 ? EXIT.noSuchUnit : EXIT.no;
  });
}

async function ask(
  session: Session,
  exitFor: (words: readonly string[], missing: number) => number,
): Promise<number> {
  const { api, args, err, flags, out } = session;
  if (args.length === 0) {
    err("No units given", "USAGE");
    return 1;
  }
  try {
    const { units, missing } = await findUnits(session);
    const [states, machines] =
      units.length === 1
        ? await Promise.all([api.states({ unitName: units[0]!.name }), api.machineList()])
        : await Promise.all([api.states({}), api.machineList()]);
    const rows = units.map((unit) => {
      const places = placesOf(unit.name, machinesOf(unit, machines), states);
      return { unit: unit.name, active: wordFor(places), machines: places };
    });
    for (const name of missing) err(`Unit ${name} not found in registry`, "UNIT_NOT_FOUND");
    if (!flags.bool("quiet"))
      if (inJson(session)) printJson(session, rows);
      else for (const { active } of rows) out(active);
    return exitFor(
      rows.map(({ active }) => active),
      missing.length,
    );
  } catch (error) {
    tellFailure(session, "Error retrieving states of units", error);
    return 1;
  }
}
