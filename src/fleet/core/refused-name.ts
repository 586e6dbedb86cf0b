import { type UnitName, unitNameParts } from "#unitfile/core/unit-name.ts";

/** Why no unit of this name can be submitted, if none can: for people, what is so and what to do. */
export function refusedName(name: UnitName): string | undefined {
  const head = `cannot use ${JSON.stringify(name)}:`;
  // The store keeps such keys out of what it lists and tells.
  if (name.startsWith("_")) return `${head} it begins with _; use another name`;
  if (unitNameParts(name).type !== "scope") return undefined;
  return `${head} systemd makes scopes itself and reads no files for them; write a service`;
}
