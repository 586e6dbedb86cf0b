import { type UnitName, unitNameParts } from "./unit-name.ts";

/**
 * Replaces the specifiers of systemd.unit(5) that a unit's name decides: `%n` the name, `%N` the name without its type,
 * `%p` the prefix, `%j` the prefix after its last dash, `%i` the instance; `%P`, `%J` and `%I` are those three with
 * systemd's escaping undone. Others stay as they are, and so do `%%` and what only a machine can tell: see
 * `expandMachineSpecifiers`, which has to follow.
 */
export function expandUnitSpecifiers(value: string, name: UnitName): string {
  if (!value.includes("%")) return value;
  const { stem, prefix, instance } = unitNameParts(name);
  const last = prefix.slice(prefix.lastIndexOf("-") + 1);
  const replacements = new Map<string, string>([
    ["%n", name],
    ["%N", stem],
    ["%p", prefix],
    ["%P", literal(prefix)],
    ["%j", last],
    ["%J", literal(last)],
    ["%i", instance],
    ["%I", literal(instance)],
  ]);
  return value.replace(/%[nNpPjJiI%]/g, (specifier) => replacements.get(specifier) ?? specifier);
}

/** How a machine is called; its host name is undefined when nobody told. */
export interface MachineNames {
  readonly id: string;
  readonly facts?: { readonly hostName: string | undefined } | undefined;
}

/** Whether a value reads differently on different machines. */
export function hasMachineSpecifier(value: string): boolean {
  return /%[mHl]/.test(value.replaceAll("%%", ""));
}

/**
 * Replaces `%m` by the machine's id, `%H` by its host name, `%l` by that up to the first dot, and `%%` by a percent sign.
 * Without `machine`, or when it does not tell its host name, those stay as they are.
 */
export function expandMachineSpecifiers(value: string, machine: MachineNames | undefined): string {
  if (!value.includes("%")) return value;
  const { id, facts } = machine ?? {};
  const hostName = facts?.hostName;
  const replacements = new Map<string, string | undefined>([
    ["%%", "%"],
    ["%m", id],
    ["%H", hostName],
    ["%l", hostName?.split(".")[0]],
  ]);
  return value.replace(/%[mHl%]/g, (specifier) => replacements.get(specifier) ?? specifier);
}

/** A percent sign that the name holds is no specifier. */
function literal(text: string): string {
  return unescapeName(text).replaceAll("%", "%%");
}

/** Undoes systemd-escape(1): a dash is a slash, `\x2d` the octet of that number. */
function unescapeName(text: string): string {
  const octets: number[] = [];
  for (const piece of text.matchAll(/\\x([0-9a-f]{2})|([^])/g)) {
    const [, code, character = ""] = piece;
    if (code !== undefined) octets.push(Number.parseInt(code, 16));
    else octets.push(...new TextEncoder().encode(character === "-" ? "/" : character));
  }
  return new TextDecoder().decode(Uint8Array.from(octets));
}
