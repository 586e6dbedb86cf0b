import type { Brand } from "#base/brand.ts";
import { Fault } from "#base/fault.ts";

/** A systemd unit name such as `web@1.service`, systemd.unit(5). */
export type UnitName = Brand<string, "UnitName">;

export const UNIT_TYPES = [
  "service",
  "socket",
  "target",
  "device",
  "mount",
  "automount",
  "swap",
  "timer",
  "path",
  "slice",
  "scope",
] as const;
export type UnitType = (typeof UNIT_TYPES)[number];

/** The types that may be templates, unit_type_may_template() in systemd's src/basic/unit-def.c. */
const TEMPLATE_TYPES: readonly string[] = ["service", "socket", "target", "timer", "path"];
const LENGTH_MAX = 255; // UNIT_NAME_MAX less the final NUL, systemd src/basic/unit-name.h
const INVALID_CHARACTER = /[^A-Za-z0-9:_.\\@-]/u;

/** What a unit name says: `web@1.service` is an instance with prefix `web` and instance `1`. */
export interface UnitNameParts {
  readonly type: UnitType;
  /** Without the type: `web@1`. */
  readonly stem: string;
  readonly prefix: string;
  /** Between the first `@` and the type; empty for templates and for plain names. */
  readonly instance: string;
  /** `web@.service`, for instances and for the template itself. */
  readonly template: UnitName | undefined;
  readonly kind: "plain" | "template" | "instance";
}

/** @throws {Fault} UNIT_NAME_INVALID; the fact `reason` holds the text that fleet gives */
export function parseUnitName(text: string): UnitName {
  const reason = whyInvalid(text);
  if (reason === undefined) return text as UnitName;
  throw new Fault(
    "UNIT_NAME_INVALID",
    `Cannot use "${text}" as a unit name: ${reason}; expected a name such as web.service or web@1.service`,
    { facts: { text, reason } },
  );
}

/** Whether `text` is a valid unit name. */
export function isUnitName(text: string): text is UnitName {
  return whyInvalid(text) === undefined;
}

/** The first thing wrong with a unit name, in fleet's words. */
function whyInvalid(text: string): string | undefined {
  if (text === "") return "unit name cannot be empty";
  if (text.length > LENGTH_MAX) return `unit name exceeds maximum length (${LENGTH_MAX})`;
  const dot = text.lastIndexOf(".");
  if (dot === -1) return 'unit name must contain "."';
  if (dot === text.length - 1) return 'unit name cannot end in "."';
  const type = text.slice(dot + 1);
  if (!isUnitType(type)) return `invalid unit type: ${JSON.stringify(type)}`;
  if (text.includes("@") && !TEMPLATE_TYPES.includes(type))
    return `invalid unit type for template: ${JSON.stringify(type)}`;
  const bad = INVALID_CHARACTER.exec(text.slice(0, dot));
  if (bad !== null) return `invalid character '${bad[0]}' in unit name`;
  if (text.startsWith("@")) return 'unit name cannot start in "@"';
  if (dot === 0) return 'unit name cannot start in "."';
  return undefined;
}

/** Takes a unit name apart. */
export function unitNameParts(name: UnitName): UnitNameParts {
  const dot = name.lastIndexOf(".");
  const type = name.slice(dot + 1) as UnitType;
  const stem = name.slice(0, dot);
  const at = stem.indexOf("@");
  if (at === -1)
    return { type, stem, prefix: stem, instance: "", template: undefined, kind: "plain" };
  const prefix = stem.slice(0, at);
  const instance = stem.slice(at + 1);
  const template = `${prefix}@.${type}` as UnitName;
  return { type, stem, prefix, instance, template, kind: instance ? "instance" : "template" };
}

/** `foo` becomes `foo.service`; a name that already ends in a unit type stays as it is. */
export function nameWithDefaultType(text: string): string {
  return isUnitType(text.slice(text.lastIndexOf(".") + 1)) && text.includes(".")
    ? text
    : `${text}.service`;
}

function isUnitType(text: string): text is UnitType {
  return (UNIT_TYPES as readonly string[]).includes(text);
}
