import type { UnitName } from "#unitfile/core/unit-name.ts";
import { applyDecision } from "./apply-decision.ts";
import { ClusterModel } from "./cluster-model.ts";
import { DEFAULT_KEY_PREFIX, FleetKeys } from "./fleet-keys.ts";
import type { MachineId } from "./machine-id.ts";
import { writeDrain, writeMark } from "./machine-marks.ts";
import {
  type MachineFacts,
  writeBlob,
  writeFacts,
  writeJobObject,
  writeMachine,
} from "./records.ts";
import { type Decision, type LostMachines, schedule } from "./schedule.ts";
import type { UnitStateName } from "./schema.ts";

/** A cluster written down by hand, for tests and measurements. */
export interface Sample {
  /** Short names of machines and their metadata: `{ a: "role=web,az=1" }`. */
  readonly machines: Readonly<Record<string, string>>;
  /** What some of the machines tell of themselves. */
  readonly facts?: Readonly<Record<string, Partial<MachineFacts>>>;
  readonly units: Readonly<Record<string, SampleUnit>>;
  /** Short names of machines that take no new units. */
  readonly cordoned?: readonly string[];
  /** Machines that are drained; `over`: the deadline has passed. */
  readonly draining?: Readonly<Record<string, "over" | "under way">>;
}

export interface SampleUnit {
  /** Lines of [X-Fleet]. */
  readonly fleet?: readonly string[];
  /** Default `launched`. */
  readonly desired?: UnitStateName;
  /** The short name of the machine it is placed on. */
  readonly on?: string;
}

/** The machine id of a short name: the name, spelled in hexadecimal digits, first. */
export function sampleMachine(short: string): MachineId {
  const digits = Array.from(short, (c) => c.codePointAt(0)!.toString(16)).join("");
  return digits.padEnd(32, "0") as MachineId;
}

export function shortMachine(id: string): string {
  const digits = id.replace(/(00)+$/, "");
  return (digits.match(/../g) ?? [])
    .map((d) => String.fromCodePoint(Number.parseInt(d, 16)))
    .join("");
}

/** The model of the sample; `order` may shuffle the keys before they are applied. */
export function sampleCluster(
  sample: Sample,
  order: (keys: [string, string][]) => [string, string][] = (keys) => keys,
): ClusterModel {
  const model = new ClusterModel(new FleetKeys(DEFAULT_KEY_PREFIX));
  // Indices belong to keys, not to the order in which a model hears of them.
  const indexed = sampleKeys(model.keys, sample);
  const indices = new Map(indexed.map(([key], i) => [key, i + 1]));
  for (const [key, value] of order(indexed))
    model.apply({ key, after: { value, modifiedIndex: indices.get(key)! }, by: undefined });
  return model;
}

const NO_FACTS: MachineFacts = {
  memoryBytes: undefined,
  millicores: undefined,
  hostName: undefined,
};

function sampleKeys(keys: FleetKeys, sample: Sample): [string, string][] {
  const { machines, facts, units, cordoned = [], draining = {} } = sample;
  const all: [string, string][] = [];
  for (const [short, text] of Object.entries(machines)) {
    const id = sampleMachine(short);
    const metadata = new Map(
      text
        .split(",")
        .filter(Boolean)
        .map((pair) => pair.split("=") as [string, string]),
    );
    const record = { id, publicIp: "", metadata, version: "" };
    all.push([keys.machine(id, "object"), writeMachine(record, false)]);
  }
  for (const [short, some] of Object.entries(facts ?? {}))
    all.push([keys.machine(sampleMachine(short), "facts"), writeFacts({ ...NO_FACTS, ...some })]);
  const mark = { by: "alice", at: "2026-01-01T00:00:00Z", why: "new disk" };
  for (const short of cordoned)
    all.push([keys.machine(sampleMachine(short), "cordoned"), writeMark(mark)]);
  for (const [short, how] of Object.entries(draining)) {
    const drain = { ...mark, deadline: undefined, isOver: how === "over" };
    all.push([keys.machine(sampleMachine(short), "draining"), writeDrain(drain)]);
  }
  let serial = 0;
  for (const [name, { fleet = [], desired = "launched", on }] of Object.entries(units)) {
    const unit = name as UnitName;
    const hash = (serial += 1).toString(16).padStart(40, "0");
    const raw = `[Service]\nExecStart=/bin/true\n\n[X-Fleet]\n${fleet.map((line) => `${line}\n`).join("")}`;
    all.push([keys.blob(hash), writeBlob(raw)]);
    all.push([keys.job(unit, "object"), writeJobObject(name, hash)]);
    all.push([keys.job(unit, "target-state"), desired]);
    if (on !== undefined) all.push([keys.job(unit, "target"), sampleMachine(on)]);
  }
  return all;
}

/** Puts decisions into the model as the store would, each at an index of its own after this one. */
export function carryOut(model: ClusterModel, decisions: readonly Decision[], index: number): void {
  for (const [i, decision] of decisions.entries()) applyDecision(model, decision, index + 1 + i);
}

/** No machine is lost. */
export const NOBODY: LostMachines = new Map();

const ROUNDS_MAX = 10;

/** Lets an engine carry out what it decides until that is nothing but waiting, each round at an index beyond this one. */
export function settle(model: ClusterModel, index: number): void {
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    const decisions = schedule(model, NOBODY, "all");
    if (decisions.every(({ kind }) => kind === "wait")) return;
    carryOut(model, decisions, index + 10 * round);
  }
}
