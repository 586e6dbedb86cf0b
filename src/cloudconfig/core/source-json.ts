import * as v from "valibot";
import { Fault, reasonOf } from "#base/fault.ts";

/** A text that may be missing, `null` or empty, as JSON of metadata services has it; each is the empty text. */
export const OptionalText = v.pipe(
  v.nullish(v.string(), ""),
  v.transform((text) => text.trim()),
);

/** A list that may be missing or `null`. */
export function optionalList<T extends v.GenericSchema>(of: T) {
  return v.pipe(
    v.nullish(v.array(of), []),
    v.transform((list): v.InferOutput<T>[] => list ?? []),
  );
}

/** Texts by name, which may be missing or `null`. */
export const OptionalTexts = v.pipe(
  v.nullish(v.unknown(), {}),
  v.check((value) => !Array.isArray(value), "Invalid type: Expected Object but received Array"),
  v.record(v.string(), v.string()),
);

/**
 * Parses the JSON that a source tells of the machine.
 * @param place where it came from, for the error
 * @throws {Fault} SOURCE_FAILED
 */
export function parseSourceJson<T extends v.GenericSchema>(
  schema: T,
  text: string,
  place: string,
): v.InferOutput<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed(place, `it is no JSON: ${reasonOf(cause)}`);
  }
  const result = v.safeParse(schema, value ?? {});
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw malformed(
    place,
    `${v.getDotPath(issue) ?? "it"} is not what it should be: ${issue.message}`,
  );
}

function malformed(place: string, why: string): Fault {
  return new Fault("SOURCE_FAILED", `Cannot read the metadata at ${place}: ${why}`);
}
