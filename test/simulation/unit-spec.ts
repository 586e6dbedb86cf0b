import { hashOf } from "#fleet/unit-files.ts";

/** What a unit of the workload asks for, from which its text is made: so checks need not read the text. */
export interface UnitSpec {
  readonly name: string;
  readonly global: boolean;
  readonly metadata: readonly (readonly [key: string, value: string])[];
  /** No machine with one of these. */
  readonly shuns: readonly (readonly [key: string, value: string])[];
  readonly machineId: string | undefined;
  readonly machineOf: readonly string[];
  readonly conflicts: readonly string[];
  readonly replaces: readonly string[];
  /** At most so many units whose name the glob matches share its machine. */
  readonly maxPerMachine: readonly [max: number, glob: string] | undefined;
  /** What it needs of a machine's memory. */
  readonly memoryBytes: number;
  /** Whether it stops on a partition, or at most one copy of it runs besides. */
  readonly leased: "stop" | "once" | undefined;
  /** How its text takes the place of another, as options; empty: at once. */
  readonly update: readonly string[];
  /** What the unit does. */
  readonly service: readonly string[];
}

export const PLAIN: Omit<UnitSpec, "name"> = {
  global: false,
  metadata: [],
  shuns: [],
  machineId: undefined,
  machineOf: [],
  conflicts: [],
  replaces: [],
  maxPerMachine: undefined,
  memoryBytes: 0,
  leased: undefined,
  update: [],
  service: ["ExecStart=/bin/sleep infinity"],
};

export function textOf(spec: UnitSpec): string {
  const fleet = [
    ...(spec.global ? ["Global=true"] : []),
    ...spec.metadata.map(([key, value]) => `MachineMetadata=${key}=${value}`),
    ...spec.shuns.map(([key, value]) => `MachineMetadata=${key}!=${value}`),
    ...(spec.maxPerMachine === undefined ? [] : [`MaxPerMachine=${spec.maxPerMachine.join(" ")}`]),
    ...(spec.memoryBytes === 0 ? [] : [`MemoryNeed=${spec.memoryBytes}`]),
    ...(spec.machineId === undefined ? [] : [`MachineID=${spec.machineId}`]),
    ...spec.machineOf.map((peer) => `MachineOf=${peer}`),
    ...spec.conflicts.map((glob) => `Conflicts=${glob}`),
    ...spec.replaces.map((glob) => `Replaces=${glob}`),
    ...(spec.leased === "stop" ? ["OnPartition=stop"] : []),
    ...(spec.leased === "once" ? ["AtMostOnce=yes"] : []),
    ...spec.update,
  ];
  const section = fleet.length === 0 ? "" : `\n[X-Fleet]\n${fleet.join("\n")}\n`;
  return `[Service]\n${spec.service.join("\n")}\n${section}`;
}

/** What the texts of a run ask for, by name and hash. One text may stand under several names. */
export class SpecBook {
  readonly #byHash = new Map<string, UnitSpec>();

  /** The unit's text and its hash. */
  add(spec: UnitSpec): { readonly raw: string; readonly hash: string } {
    const raw = textOf(spec);
    const hash = hashOf(raw);
    this.#byHash.set(hash, spec);
    return { raw, hash };
  }

  find(name: string, hash: string): UnitSpec | undefined {
    const spec = this.#byHash.get(hash);
    return spec && { ...spec, name };
  }
}

/** Ends by SIGKILL only. */
export const STUBBORN = `ExecStart=/bin/sh -c "trap '' TERM; exec sleep infinity"`;

/** Whether systemd keeps the unit running until it is told otherwise. */
export function runsForEver({ service }: UnitSpec): boolean {
  return service.includes("ExecStart=/bin/sleep infinity") || service.includes(STUBBORN);
}

export function isTemplate(name: string): boolean {
  return name.includes("@.");
}
