import { isUnitName, type UnitName } from "#unitfile/core/unit-name.ts";
import { isMachineId, type MachineId } from "./machine-id.ts";
import { NOTE_ROOMS, type NoteRoom } from "./unit-notes.ts";

/** Where fleet keeps everything unless told otherwise, as the original does. */
export const DEFAULT_KEY_PREFIX = "/_coreos.com/fleet";

const MACHINE_PARTS = [
  "object",
  "api",
  "incarnation",
  "leaving",
  "facts",
  "cordoned",
  "draining",
  "removed",
  "held",
] as const;
export type MachinePart = (typeof MACHINE_PARTS)[number];
export type JobPart = "object" | "target" | "target-state" | "job-state";

/** What a key under the prefix says something about. `unknown` keys belong to others or to later versions. */
export type FleetKey =
  | { readonly kind: "machine"; readonly machine: MachineId; readonly part: MachinePart }
  | { readonly kind: "metadata"; readonly machine: MachineId; readonly name: string }
  | { readonly kind: "blob"; readonly hash: string }
  | { readonly kind: "job"; readonly unit: UnitName; readonly part: JobPart }
  | { readonly kind: "state"; readonly unit: UnitName; readonly machine: MachineId }
  | { readonly kind: "removed"; readonly unit: UnitName }
  | NoteKey
  | { readonly kind: "lease" }
  | { readonly kind: "engineVersion" }
  | { readonly kind: "unknown" };

/** What Keelson notes of a unit, in general or on one machine. */
export interface NoteKey {
  readonly kind: "note";
  readonly room: NoteRoom;
  readonly unit: UnitName;
  readonly machine: MachineId | undefined;
}

const UNKNOWN: FleetKey = { kind: "unknown" };

/** The keys of one cluster, and the way back from a key to its meaning. */
export class FleetKeys {
  readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = `/${prefix.split("/").filter(Boolean).join("/")}`;
  }

  machine(id: MachineId, part: MachinePart): string {
    return `${this.prefix}/machines/${id}/${part}`;
  }

  metadata(id: MachineId, name: string): string {
    return `${this.prefix}/machines/${id}/metadata/${name}`;
  }

  /** The directory of the metadata that was set for the machine. */
  metadataDirectory(id: MachineId): string {
    return `${this.prefix}/machines/${id}/metadata`;
  }

  blob(hash: string): string {
    return `${this.prefix}/unit/${hash}`;
  }

  /** The directory of all that is known about the job. */
  jobDirectory(unit: UnitName): string {
    return `${this.prefix}/job/${unit}`;
  }

  job(unit: UnitName, part: JobPart): string {
    return `${this.prefix}/job/${unit}/${part}`;
  }

  state(unit: UnitName, machine: MachineId): string {
    return `${this.prefix}/states/${unit}/${machine}`;
  }

  /** The record that a unit was destroyed on purpose. */
  removed(unit: UnitName): string {
    return `${this.prefix}/removed/${unit}`;
  }

  note(room: NoteRoom, unit: UnitName, machine?: MachineId): string {
    return `${this.prefix}/${room}/${unit}${machine === undefined ? "" : `/${machine}`}`;
  }

  get lease(): string {
    return `${this.prefix}/lease/engine-leader`;
  }

  /** Where it is noted for a while that the store was restored. */
  get restored(): string {
    return `${this.prefix}/store/restored`;
  }

  get engineVersion(): string {
    return `${this.prefix}/engine/version`;
  }

  /** What `key` is about; `unknown` for whatever does not fit, never an error. */
  parse(key: string): FleetKey {
    if (!key.startsWith(`${this.prefix}/`)) return UNKNOWN;
    const [room = "", first, second, third, ...more] = key.slice(this.prefix.length + 1).split("/");
    if (first === undefined || more.length > 0) return UNKNOWN;
    switch (room) {
      case "machines":
        return machineKey(first, second, third);
      case "unit":
        return second === undefined ? { kind: "blob", hash: first } : UNKNOWN;
      case "job":
        return isUnitName(first) && isJobPart(second) && third === undefined
          ? { kind: "job", unit: first, part: second }
          : UNKNOWN;
      case "states":
        return isUnitName(first) && isMachineId(second ?? "") && third === undefined
          ? { kind: "state", unit: first, machine: second as MachineId }
          : UNKNOWN;
      case "removed":
        return isUnitName(first) && second === undefined
          ? { kind: "removed", unit: first }
          : UNKNOWN;
      case "lease":
        return first === "engine-leader" && second === undefined ? { kind: "lease" } : UNKNOWN;
      case "engine":
        return first === "version" && second === undefined ? { kind: "engineVersion" } : UNKNOWN;
      default:
        return isNoteRoom(room) ? noteKey(room, first, second, third) : UNKNOWN;
    }
  }
}

function noteKey(
  room: NoteRoom,
  unit: string,
  machine: string | undefined,
  more: string | undefined,
): FleetKey {
  if (!isUnitName(unit) || more !== undefined) return UNKNOWN;
  if (machine !== undefined && !isMachineId(machine)) return UNKNOWN;
  return { kind: "note", room, unit, machine };
}

function isNoteRoom(text: string): text is NoteRoom {
  return NOTE_ROOMS.some((room) => room === text);
}

function machineKey(id: string, part: string | undefined, name: string | undefined): FleetKey {
  if (!isMachineId(id)) return UNKNOWN;
  if (part === "metadata" && name !== undefined) return { kind: "metadata", machine: id, name };
  return isMachinePart(part) && name === undefined
    ? { kind: "machine", machine: id, part }
    : UNKNOWN;
}

function isMachinePart(text: string | undefined): text is MachinePart {
  return MACHINE_PARTS.some((part) => part === text);
}

function isJobPart(text: string | undefined): text is JobPart {
  return text === "object" || text === "target" || text === "target-state" || text === "job-state";
}
