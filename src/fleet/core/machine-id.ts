import type { Brand } from "#base/brand.ts";
import { Fault } from "#base/fault.ts";

/** What a machine is known by: the content of its /etc/machine-id, machine-id(5). */
export type MachineId = Brand<string, "MachineId">;

const SHAPE = /^[0-9a-f]{32}$/; // machine-id(5)
const SHORT_LENGTH = 8; // what fleetctl prints of an id

/** @throws {Fault} RECORD_MALFORMED */
export function parseMachineId(text: string): MachineId {
  if (isMachineId(text)) return text;
  throw new Fault(
    "RECORD_MALFORMED",
    `Cannot use "${text}" as a machine id: expected 32 lower-case hexadecimal digits, machine-id(5)`,
  );
}

export function isMachineId(text: string): text is MachineId {
  return SHAPE.test(text);
}

/** Whether `wanted`, a whole id or the first eight digits as fleetctl shows them, means this machine. */
export function meansMachine(wanted: string, id: MachineId): boolean {
  return wanted === id || (wanted.length === SHORT_LENGTH && id.startsWith(wanted));
}
