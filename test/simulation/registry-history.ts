import type { FleetKeys } from "#fleet/core/fleet-keys.ts";
import type { MachineId } from "#fleet/core/machine-id.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { Ledger, Version } from "./ledger.ts";
import { isTemplate, type SpecBook, type UnitSpec } from "./unit-spec.ts";

export interface JobThen {
  readonly name: string;
  readonly hash: string;
  /** Undefined when its unit is not on record, or when it never had a text of this run's. */
  readonly spec: UnitSpec | undefined;
  /** Undefined while nothing is said about it. */
  readonly desired: string | undefined;
  readonly target: string | undefined;
}

/** fleet's records as they were at any index of the store, read without any code of fleet's but the keys' names. */
export class RegistryHistory {
  readonly ledger: Ledger;
  readonly #at: FleetKeys;
  readonly #specs: SpecBook;
  readonly #namesIn = new Map<string, { keyCount: number; names: readonly string[] }>();
  /** What each machine is configured with. */
  readonly configured = new Map<string, ReadonlyMap<string, string>>();

  constructor(ledger: Ledger, at: FleetKeys, specs: SpecBook) {
    this.ledger = ledger;
    this.#at = at;
    this.#specs = specs;
  }

  job(name: string, index: number): JobThen | undefined {
    const object = this.#jobPart(name, "object", index)?.value;
    if (object === undefined) return undefined;
    const hash = hashIn(object);
    const hasBlob = this.ledger.value(this.#at.blob(hash), index) !== undefined;
    return {
      name,
      hash,
      spec: hasBlob ? this.#specs.find(name, hash) : undefined,
      desired: this.#jobPart(name, "target-state", index)?.value,
      target: this.#jobPart(name, "target", index)?.value,
    };
  }

  /** Where the job is placed, also when nothing else of it is left. */
  target(name: string, index: number): string | undefined {
    return this.#jobPart(name, "target", index)?.value;
  }

  /** All jobs then, by name. */
  jobs(index: number): JobThen[] {
    return this.#names("job/").flatMap((name) => this.job(name, index) ?? []);
  }

  /** Why the record of a job is not there: the removal, when there was one. */
  removal(name: string, index: number): Version["by"] | undefined {
    const version = this.#jobPart(name, "object", index);
    return version?.value === undefined ? version?.by : undefined;
  }

  /** When it was said last, then, what is desired of the unit. */
  wish(name: string, index = this.ledger.index): number {
    return this.#jobPart(name, "target-state", index)?.index ?? 0;
  }

  /** Whether the unit, as it was then, runs to its end and is then done. */
  runsOnce(name: string, index = this.ledger.index): boolean {
    const { service = [] } = this.job(name, index)?.spec ?? {};
    return service.includes("Type=oneshot") && !service.includes("RemainAfterExit=yes");
  }

  tombstone(name: string, index: number): string | undefined {
    return this.ledger.value(this.#at.removed(name as UnitName), index);
  }

  /** What the text of this hash asks for, under that name. */
  specOf(name: string, hash: string | undefined): UnitSpec | undefined {
    return hash === undefined ? undefined : this.#specs.find(name, hash);
  }

  /** The machine that may run the unit, of which at most one copy may run. */
  lockHolder(name: string, index: number): string | undefined {
    const lock = this.ledger.value(this.#at.note("once", name as UnitName), index);
    return lock === undefined ? undefined : /[0-9a-f]{32}/.exec(lock)?.[0];
  }

  jobDirectory(name: string): string {
    return this.#at.jobDirectory(name as UnitName);
  }

  /** Machines on record then, by id. */
  machines(index: number): string[] {
    return this.#names("machines/").filter((id) => this.isPresent(id, index));
  }

  /** Machines that ever were on record, by id. */
  everyMachine(index: number): string[] {
    return this.#names("machines/").filter((id) => this.record(id, index) !== undefined);
  }

  isPresent(machine: string, index: number): boolean {
    return this.record(machine, index)?.value !== undefined;
  }

  /** The machine's record as it was then, or how it went. */
  record(machine: string, index: number): Version | undefined {
    return this.ledger.at(this.#at.machine(machine as MachineId, "object"), index);
  }

  isLeaving(machine: string, index: number): boolean {
    const key = this.#at.machine(machine as MachineId, "leaving");
    return this.ledger.value(key, index) !== undefined;
  }

  /** What it is configured with and what the keys beside its record say. */
  metadata(machine: string, index: number): Map<string, string> {
    const found = new Map(this.configured.get(machine));
    const directory = this.#at.metadata(machine as MachineId, "");
    for (const name of this.#names(`machines/${machine}/metadata/`)) {
      const value = this.ledger.value(directory + name, index);
      if (value !== undefined) found.set(name, value);
    }
    return found;
  }

  /** Whether a global unit of this spec belongs on the machine. */
  globalFits(spec: UnitSpec, machine: string, index: number): boolean {
    return metadataFits(spec, this.metadata(machine, index)) && !isTemplate(spec.name);
  }

  /** Whether somebody closed the machine to new units. */
  isClosed(machine: string, index: number): boolean {
    return this.#closedSince(machine, index) !== undefined;
  }

  /** Whether any machine is drained now. */
  get drains(): boolean {
    const { index } = this.ledger;
    return this.everyMachine(index).some((machine) => this.isDrained(machine, index));
  }

  /** Whether units are to move away from the machine. */
  isDrained(machine: string, index: number): boolean {
    return this.#mark(machine, "draining", index)?.value !== undefined;
  }

  /** Whether the deadline of the machine's drain is on record as passed: nothing stays there. */
  isOverdue(machine: string, index: number): boolean {
    const drain = this.#mark(machine, "draining", index)?.value;
    return drain !== undefined && (JSON.parse(drain) as { over?: boolean }).over === true;
  }

  /** Whether a global unit that is not on the machine may begin there: it is open, or was when the unit was submitted. */
  isOpenTo(unit: string, machine: string, index: number): boolean {
    const since = this.#closedSince(machine, index);
    return since === undefined || (this.#jobPart(unit, "object", index)?.index ?? 0) < since;
  }

  #closedSince(machine: string, index: number): number | undefined {
    const marks = (["cordoned", "draining"] as const).map((part) =>
      this.#mark(machine, part, index),
    );
    return marks.find((mark) => mark?.value !== undefined)?.index;
  }

  #mark(machine: string, part: "cordoned" | "draining", index: number): Version | undefined {
    return this.ledger.at(this.#at.machine(machine as MachineId, part), index);
  }

  /** The unit or template whose rollout is noted at the key, if one is. */
  rolledOut(key: string): string | undefined {
    const directory = `${this.#at.prefix}/rollouts/`;
    return key.startsWith(directory) ? key.slice(directory.length) : undefined;
  }

  /** Units and templates that a text is on its way to. */
  rollingOut(index: number): string[] {
    return this.#names("rollouts/").filter((unit) => {
      const note = this.ledger.value(`${this.#at.prefix}/rollouts/${unit}`, index);
      return note !== undefined && /"state":"(running|returning)"/.test(note);
    });
  }

  #jobPart(name: string, part: "object" | "target" | "target-state", index: number) {
    return this.ledger.at(this.#at.job(name as UnitName, part), index);
  }

  /** Names that ever were in the directory; looked for again only after new keys. */
  #names(directory: string): readonly string[] {
    const known = this.#namesIn.get(directory);
    const { keyCount } = this.ledger;
    if (known?.keyCount === keyCount) return known.names;
    const prefix = `${this.#at.prefix}/${directory}`;
    const found = new Set<string>();
    for (const key of this.ledger.keys)
      if (key.startsWith(prefix)) found.add(key.slice(prefix.length).split("/")[0]!);
    const names = [...found].sort();
    this.#namesIn.set(directory, { keyCount, names });
    return names;
  }
}

export function metadataFits(spec: UnitSpec, has: ReadonlyMap<string, string>): boolean {
  const keys = new Set(spec.metadata.map(([key]) => key));
  if (spec.shuns.some(([key, value]) => has.get(key) === value)) return false;
  return [...keys].every((key) =>
    spec.metadata.some(([wanted, value]) => wanted === key && has.get(key) === value),
  );
}

/** Few objects are read again and again. */
const hashes = new Map<string, string>();

function hashIn(object: string): string {
  const known = hashes.get(object);
  if (known !== undefined) return known;
  const hash = readHash(object);
  hashes.set(object, hash);
  return hash;
}

function readHash(object: string): string {
  try {
    const { UnitHash } = JSON.parse(object) as { UnitHash: number[] };
    return UnitHash.map((byte) => byte.toString(16).padStart(2, "0")).join("");
  } catch {
    return "";
  }
}
