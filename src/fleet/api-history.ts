import { isUnitName } from "#unitfile/core/unit-name.ts";
import { ApiRefusal } from "./api-answer.ts";
import type { ApiContext } from "./api-context.ts";
import type { SchemaHistory } from "./core/rollout-schema.ts";
import { unitWithText } from "./core/rollout-texts.ts";

/**
 * The texts that the unit had; with `?version=N` only that one, and what it says.
 * @throws {ApiRefusal} 404 when nothing is known of the unit or of that version, 400 when N is no number
 */
export function historyOf({ feed }: ApiContext, name: string, url: URL): SchemaHistory {
  const { model } = feed;
  const history = isUnitName(name) ? model.notes.history.get(name)?.value : undefined;
  if (!isUnitName(name) || history === undefined)
    throw new ApiRefusal(404, `no version of unit ${name} is on record`);
  const now = model.jobs.get(name)?.hash;
  const latest = history.versions.findLast(({ hash }) => hash === now)?.number;
  const versions = history.versions.map((one) => ({ ...one, current: one.number === latest }));
  const asked = url.searchParams.get("version");
  if (asked === null) return { unit: name, versions };
  if (!/^\d{1,15}$/.test(asked))
    throw new ApiRefusal(400, `version ${JSON.stringify(asked)} is no number`);
  const version = versions.find(({ number }) => number === Number(asked));
  const kept = versions.map(({ number }) => number).join(", ");
  if (version === undefined)
    throw new ApiRefusal(404, `unit ${name} has no version ${asked} on record; it has ${kept}`);
  const text = unitWithText(model, name, version.hash);
  if (text === undefined)
    throw new ApiRefusal(404, `the text of version ${asked} of unit ${name} is not kept any more`);
  const options = text.file.options.map(({ section, name: key, value }) => ({
    section,
    name: key,
    value,
  }));
  return { unit: name, versions: [{ ...version, options }] };
}
