import * as v from "valibot";
import { Fault } from "#base/fault.ts";

/** One source of configuration; later ones win: defaults, file, environment, flags. */
export interface Fragment {
  /** Named in errors, such as `/etc/fleet/fleet.conf` or `the environment`. */
  readonly from: string;
  readonly values: Readonly<Record<string, unknown>>;
  /** The line of a key in a file. */
  readonly lines?: ReadonlyMap<string, number>;
}

/**
 * Merges the fragments and checks the result, once; nothing afterwards reads the environment or a default.
 * @throws {Fault} CONFIG_INVALID naming the key, where its value came from, with its line, and what was expected.
 */
export function assembleSettings<const Schema extends v.GenericSchema>(
  schema: Schema,
  fragments: readonly Fragment[],
): Readonly<v.InferOutput<Schema>> {
  const merged: Record<string, unknown> = {};
  const origin = new Map<string, string>();
  for (const { from, values, lines } of fragments)
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined) continue;
      merged[key] = value;
      const line = lines?.get(key);
      origin.set(key, line === undefined ? from : `${from}, line ${line}`);
    }
  const result = v.safeParse(schema, merged);
  if (result.success) return Object.freeze(result.output);
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? "settings";
  const from = origin.get(path.split(".")[0] ?? "") ?? "no source";
  throw new Fault("CONFIG_INVALID", `Cannot use ${path} from ${from}: ${issue.message}`, {
    facts: { path, from },
  });
}
