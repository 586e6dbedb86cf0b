import type { SchemaMachine } from "#fleet/core/schema.ts";

const SHORT_LENGTH = 8; // hex digits of a machine's id that tables show

/** Hex digits of a unit's hash that tables show. */
export const HASH_LENGTH = 7;

/** `11111111...`, or all of the id. */
export function machineIdLegend(id: string, full: boolean): string {
  return full ? id : `${id.slice(0, SHORT_LENGTH)}...`;
}

/** A sentence of the API for people: ids of machines and hashes of units in it as tables show them. */
export function withIds(text: string, full: boolean): string {
  if (full) return text;
  return text
    .replace(/\b[0-9a-f]{32}\b/g, (id) => machineIdLegend(id, false))
    .replace(/\b[0-9a-f]{40}\b/g, (hash) => hash.slice(0, HASH_LENGTH));
}

/** `11111111.../172.31.7.11`; a machine that is not present has no address. */
export function machineLegend(
  id: string,
  machines: ReadonlyMap<string, SchemaMachine>,
  full: boolean,
): string {
  const address = machines.get(id)?.primaryIP;
  return machineIdLegend(id, full) + (address ? `/${address}` : "");
}

/** For programs: the machine's address, null when there is no machine or it is not present. */
export function addressOf(
  id: string | undefined,
  machines: ReadonlyMap<string, SchemaMachine>,
): string | null {
  return (id !== undefined && machines.get(id)?.primaryIP) || null;
}
