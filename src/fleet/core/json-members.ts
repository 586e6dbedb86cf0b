/**
 * Reads JSON as the original does, which does not look at the case of members' names: what differs from one of `names`
 * by that only becomes it, in objects at any depth; of several the last counts.
 * @throws {SyntaxError}
 */
export function parseJson(text: string, names: readonly string[]): unknown {
  const spelt = new Map(names.map((name) => [name.toLowerCase(), name]));
  return JSON.parse(text, (_, value: unknown) => (isObject(value) ? renamed(value, spelt) : value));
}

/** Whether it is what JSON calls an object, which an array is not. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function renamed(
  object: Readonly<Record<string, unknown>>,
  spelt: ReadonlyMap<string, string>,
): Record<string, unknown> {
  const members = Object.entries(object).map(
    ([name, value]) => [spelt.get(name.toLowerCase()) ?? name, value] as const,
  );
  return Object.fromEntries(members);
}
