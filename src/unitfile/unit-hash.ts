import { createHash } from "node:crypto";
import { type BareOption, serialiseUnitFile } from "#unitfile/core/serialise-unit-file.ts";

/** The hash that fleet knows a unit file by: SHA-1 of its normalised text, 40 hex digits. */
export function unitHash(options: readonly BareOption[]): string {
  return createHash("sha1").update(serialiseUnitFile(options)).digest("hex");
}
