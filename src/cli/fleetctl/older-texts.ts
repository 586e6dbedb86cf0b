import type { SchemaUnit } from "#fleet/core/schema.ts";
import { isUnitName, unitNameParts } from "#unitfile/core/unit-name.ts";
import { unitHash } from "#unitfile/unit-hash.ts";
import { settle } from "./concurrent.ts";
import type { Session } from "./session.ts";

/**
 * For people: which of the units are instances that have an older text than their template has now, and how many of a
 * template's are. A text of their own, which the template never had, is not older.
 */
export async function olderTexts(
  { api }: Session,
  units: readonly Pick<SchemaUnit, "name">[],
): Promise<string[]> {
  const templates = new Set(units.flatMap(({ name }) => templateOf(name) ?? []));
  if (templates.size === 0) return [];
  const all = await settle(() => api.units());
  if (!all.isDone) return [];
  const asked = new Set(units.map(({ name }) => name));
  const notes: string[] = [];
  for (const template of templates) {
    const own = all.value.find(({ name }) => name === template);
    const history = own && (await settle(() => api.history(template)));
    if (own === undefined || history?.isDone !== true) continue;
    const now = unitHash(own.options);
    const before = new Set(history.value.versions.map(({ hash }) => hash).filter((h) => h !== now));
    const instances = all.value.filter(
      ({ name }) => name !== template && templateOf(name) === template,
    );
    const older = instances.filter(({ options }) => before.has(unitHash(options)));
    if (older.length === 0) continue;
    if (asked.has(template)) {
      const names = older.map(({ name }) => name).join(" ");
      notes.push(
        `${older.length} of ${instances.length} instances run an older text of ${template}: ${names}`,
      );
    } else
      for (const { name } of older.filter((one) => asked.has(one.name)))
        notes.push(`Unit ${name} runs an older text of ${template} than that has now`);
  }
  return notes;
}

function templateOf(name: string): string | undefined {
  return isUnitName(name) ? unitNameParts(name).template : undefined;
}
