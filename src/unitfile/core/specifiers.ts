import { type UnitName, unitNameParts } from "./unit-name.ts";

/**
 * Replaces the specifiers that fleet knows in values of [X-Fleet], systemd.unit(5): `%n` the name, `%N` the name
 * without its type, `%p` the prefix, `%i` the instance, `%%` a percent sign. Others stay as they are.
 */
export function expandSpecifiers(value: string, name: UnitName): string {
  const { stem, prefix, instance } = unitNameParts(name);
  const replacements = new Map<string, string>([
    ["%n", name],
    ["%N", stem],
    ["%p", prefix],
    ["%i", instance],
    ["%%", "%"],
  ]);
  return value.replace(/%[nNpi%]/g, (specifier) => replacements.get(specifier) ?? specifier);
}
