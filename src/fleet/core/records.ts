import * as v from "valibot";
import { reasonOf } from "#base/fault.ts";
import { isMachineId, type MachineId } from "./machine-id.ts";
import { isUnitStateName, type UnitStateName } from "./schema.ts";

/**
 * The values that fleet keeps in the store, as the original writes and reads them. Reading gives the value or,
 * for a value that is none, a text saying what is wrong with it: one bad record is one bad record.
 */
export type Parsed<T> = { readonly value: T } | { readonly problem: string };

export interface MachineRecord {
  readonly id: MachineId;
  readonly publicIp: string;
  readonly metadata: ReadonlyMap<string, string>;
  readonly version: string;
  /** Kept under a key of its own; absent for machines of the original's agents. */
  readonly facts?: MachineFacts | undefined;
}

/** What a machine has for its units, and its host name; what is not known is undefined. */
export interface MachineFacts {
  readonly memoryBytes: number | undefined;
  /** Thousandths of a processor core. */
  readonly millicores: number | undefined;
  readonly hostName: string | undefined;
  /** How long after a heartbeat it runs units that stop on a partition; absent for machines that know no such units. */
  readonly leaseMs?: number;
}

/** What systemd says about a unit on one machine. */
export interface UnitStateRecord {
  readonly loadState: string;
  readonly activeState: string;
  readonly subState: string;
  readonly machine: MachineId;
  /** Empty when unknown. */
  readonly hash: string;
}

/** Who registered a machine id: one boot of one root directory, and where it can be reached; empty when unknown. */
export interface Incarnation {
  readonly instance: string;
  readonly address: string;
}

const HASH_BYTES = 20; // SHA-1

const MachineWire = v.object({
  ID: v.pipe(v.string(), v.check(isMachineId, "expected 32 lower-case hexadecimal digits")),
  PublicIP: v.nullish(v.string(), ""),
  Metadata: v.nullish(v.record(v.string(), v.string()), {}),
  Version: v.nullish(v.string(), ""),
});
const JobWire = v.object({
  Name: v.string(),
  UnitHash: v.pipe(
    v.array(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255))),
    v.length(HASH_BYTES),
  ),
});
const BlobWire = v.object({ Raw: v.string() });
const StateWire = v.object({
  loadState: v.string(),
  activeState: v.string(),
  subState: v.string(),
  unitHash: v.nullish(v.string(), ""),
});
const LeaseWire = v.object({ MachineID: v.string() });
const FactsWire = v.object({
  memoryBytes: v.nullish(v.pipe(v.number(), v.minValue(0))),
  cpus: v.nullish(v.pipe(v.number(), v.minValue(0))),
  hostName: v.nullish(v.string()),
  leaseSeconds: v.nullish(v.pipe(v.number(), v.minValue(0))),
});
const IncarnationWire = v.object({ instance: v.string(), address: v.string() });

export function readMachine(json: string): Parsed<MachineRecord> {
  return readJson(MachineWire, json, ({ ID, PublicIP, Metadata, Version }) => ({
    id: ID as MachineId,
    publicIp: PublicIP,
    metadata: new Map(Object.entries(Metadata)),
    version: Version,
  }));
}

export function writeMachine(machine: MachineRecord, disableEngine: boolean): string {
  return JSON.stringify({
    ID: machine.id,
    PublicIP: machine.publicIp,
    Metadata: Object.fromEntries([...machine.metadata].sort(([a], [b]) => (a < b ? -1 : 1))),
    Capabilities: { DISABLE_ENGINE: disableEngine, GRPC: false },
    Version: machine.version,
  });
}

/** The hash of the unit that a job runs, in hexadecimal. */
export function readJobObject(json: string): Parsed<string> {
  return readJson(JobWire, json, ({ UnitHash }) =>
    UnitHash.map((byte) => byte.toString(16).padStart(2, "0")).join(""),
  );
}

export function writeJobObject(name: string, hash: string): string {
  const bytes = Array.from({ length: HASH_BYTES }, (_, i) =>
    Number.parseInt(hash.slice(2 * i, 2 * i + 2), 16),
  );
  return JSON.stringify({ Name: name, UnitHash: bytes });
}

/** The text of a unit file. */
export function readBlob(json: string): Parsed<string> {
  return readJson(BlobWire, json, ({ Raw }) => Raw);
}

export function writeBlob(raw: string): string {
  return JSON.stringify({ Raw: raw });
}

export function readUnitState(json: string, machine: MachineId): Parsed<UnitStateRecord> {
  return readJson(StateWire, json, ({ loadState, activeState, subState, unitHash }) => ({
    loadState,
    activeState,
    subState,
    machine,
    hash: unitHash,
  }));
}

export function writeUnitState(state: UnitStateRecord): string {
  const machineState = {
    ID: state.machine,
    PublicIP: "",
    Metadata: null,
    Capabilities: null,
    Version: "",
  };
  const { loadState, activeState, subState, hash } = state;
  return JSON.stringify({ loadState, activeState, subState, machineState, unitHash: hash });
}

export function readDesiredState(text: string): Parsed<UnitStateName> {
  return isUnitStateName(text)
    ? { value: text }
    : { problem: `"${text}" is none of inactive, loaded and launched` };
}

/** The machine whose engine leads. */
export function readLease(json: string): Parsed<string> {
  return readJson(LeaseWire, json, ({ MachineID }) => MachineID);
}

export function writeLease(machine: MachineId): string {
  return JSON.stringify({ MachineID: machine, Version: 1 });
}

export function readIncarnation(json: string): Parsed<Incarnation> {
  return readJson(IncarnationWire, json, (value) => value);
}

export function writeIncarnation({ instance, address }: Incarnation): string {
  return JSON.stringify({ instance, address });
}

export function readFacts(json: string): Parsed<MachineFacts> {
  return readJson(FactsWire, json, ({ memoryBytes, cpus, hostName, leaseSeconds }) => ({
    memoryBytes: memoryBytes ?? undefined,
    millicores: cpus === undefined || cpus === null ? undefined : Math.round(cpus * 1000),
    hostName: hostName ?? undefined,
    ...(typeof leaseSeconds === "number" && { leaseMs: leaseSeconds * 1000 }),
  }));
}

export function writeFacts({ memoryBytes, millicores, hostName, leaseMs }: MachineFacts): string {
  const cpus = millicores === undefined ? undefined : millicores / 1000;
  const leaseSeconds = leaseMs === undefined ? undefined : leaseMs / 1000;
  return JSON.stringify({ memoryBytes, cpus, hostName, leaseSeconds });
}

/** Reads JSON of a known shape; the problem names the member that is wrong. */
export function readJson<Schema extends v.GenericSchema, T>(
  schema: Schema,
  json: string,
  convert: (wire: v.InferOutput<Schema>) => T,
  parse: (json: string) => unknown = JSON.parse,
): Parsed<T> {
  let parsed: unknown;
  try {
    parsed = parse(json);
  } catch (error) {
    return { problem: `it is no JSON: ${reasonOf(error)}` };
  }
  const result = v.safeParse(schema, parsed);
  if (result.success) return { value: convert(result.output) };
  const [issue] = result.issues;
  return { problem: `${v.getDotPath(issue) ?? "value"}: ${issue.message}` };
}
