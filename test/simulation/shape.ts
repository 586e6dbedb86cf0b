import type { FaultKind } from "./fault-kinds.ts";

/** What kind of run a seed stands for. */
export interface Shape {
  readonly machines: number;
  /** How many of the workload's names are used. */
  readonly units: number;
  /** Which share of their texts runs by a lease only. */
  readonly leases: number;
  /** Which share of texts asks for nothing else, and is to run. */
  readonly free: number;
  /** How likely an operation, and how likely a fault begins, at each step of a time of trouble. */
  readonly operations: readonly [least: number, most: number];
  readonly faults: readonly [least: number, most: number];
  /** How long times of trouble last, in milliseconds. */
  readonly troubleMs: readonly [least: number, most: number];
  /** Faults of which one is to happen often. */
  readonly favours: readonly FaultKind[];
  /** How long a favoured one lasts then, in milliseconds; as any other when undefined. */
  readonly favourMs: readonly [least: number, most: number] | undefined;
  /** Whether every machine's clock is as slow or as fast as any may be. */
  readonly driftsMost: boolean;
}

/** One to twelve machines, small clusters more often. */
const MACHINES = [3, 1, 5, 2, 4, 8, 3, 6, 12, 4, 3, 7, 2, 10, 5, 3, 9, 1, 4, 11];
const UNITS = [10, 3, 24];
const WEATHER = [
  { operations: [0.02, 0.3], faults: [0.005, 0.06] },
  { operations: [0.02, 0.1], faults: [0, 0.002] },
  { operations: [0.1, 0.3], faults: [0.05, 0.12] },
] as const;
const COMMON = {
  leases: 0.15,
  free: 0,
  troubleMs: [8_000, 40_000],
  favours: [],
  favourMs: undefined,
  driftsMost: false,
} as const;

/** Every so many seeds is about leases. */
export const LEASES_EVERY = 7;
/** Few units that run by a lease, on machines that are out of touch for long and then again not. */
const LEASES = {
  units: 3,
  leases: 0.9,
  free: 0.8,
  operations: [0.02, 0.06],
  faults: [0.01, 0.03],
  troubleMs: [20_000, 45_000],
  favours: ["pause", "cut both", "cut back", "kill"],
  // Longer than a lease, a stop that takes all of its time, and the start elsewhere.
  favourMs: [12_000, 22_000],
  driftsMost: true,
} as const;

/** Seeds in a row differ in size; every size comes with few and many units, in quiet and in stormy weather. */
export function shapeOf(seed: number): Shape {
  if (seed % LEASES_EVERY === 0) return { ...LEASES, machines: 3 + (seed % 3) };
  const machines = MACHINES[seed % MACHINES.length]!;
  const block = Math.floor(seed / MACHINES.length) + (seed % MACHINES.length);
  const units = UNITS[block % UNITS.length]!;
  const weather = WEATHER[Math.floor(block / UNITS.length) % WEATHER.length]!;
  return { ...COMMON, ...weather, machines, units };
}
