import type { SchemaUnit } from "#fleet/core/schema.ts";
import { matchGlob } from "#unitfile/core/glob.ts";
import { mapConcurrently } from "./concurrent.ts";
import type { Session } from "./session.ts";
import { expandArguments, isPattern, unitNameOf } from "./unit-args.ts";
import { isTemplate } from "./units.ts";

export interface FoundUnits {
  /** In the order of the arguments, each once. */
  readonly units: readonly SchemaUnit[];
  /** Names, and patterns, that nothing in the cluster answers to. */
  readonly missing: readonly string[];
}

/** Whether patterns stand for templates too, which do not run. */
interface PatternScope {
  readonly templates?: boolean;
}

/** The units of the cluster that the arguments name, or match as patterns. */
export async function findUnits(
  { api, args }: Session,
  { templates = false }: PatternScope = {},
): Promise<FoundUnits> {
  const words = expandArguments(args);
  const units = words.some(isPattern) ? await api.units() : [];
  const all = units.filter(({ name }) => templates || !isTemplate(name));
  const perWord = await mapConcurrently(words, async (word) => {
    if (isPattern(word)) return all.filter((unit) => matchesAny([word], unit.name));
    const unit = await api.unit(unitNameOf(word));
    return unit === undefined ? [] : [unit];
  });
  const found = new Map(perWord.flat().map((unit) => [unit.name, unit]));
  const missing = words.filter((_, i) => perWord[i]!.length === 0).map(shown);
  return { units: [...found.values()], missing: [...new Set(missing)] };
}

/** Whether a unit is among those that patterns and names stand for; all are when there are none. */
export function matchesAny(patterns: readonly string[], name: string): boolean {
  if (patterns.length === 0) return true;
  return expandArguments(patterns).some((pattern) =>
    isPattern(pattern)
      ? matchGlob(pattern, name) || matchGlob(unitNameOf(pattern), name)
      : unitNameOf(pattern) === name,
  );
}

/**
 * The units a command is to work on, after saying which are missing.
 * @returns undefined when there is nothing to do, which is a failure
 */
export async function findUnitsOrComplain(
  session: Session,
  scope?: PatternScope,
): Promise<FoundUnits | undefined> {
  if (session.args.length === 0) {
    session.err("No units given");
    return undefined;
  }
  const found = await findUnits(session, scope);
  if (found.units.length === 0) {
    session.err("Units not found in registry");
    return undefined;
  }
  for (const name of found.missing) session.err(`Unit ${name} not found in registry`);
  return found;
}

function shown(word: string): string {
  return isPattern(word) ? word : unitNameOf(word);
}
