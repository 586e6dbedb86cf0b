/** What kind of run a seed stands for. */
export interface Shape {
  readonly machines: number;
  /** How many of the workload's names are used. */
  readonly units: number;
  /** How likely an operation, and how likely a fault begins, at each step of a time of trouble. */
  readonly operations: readonly [least: number, most: number];
  readonly faults: readonly [least: number, most: number];
}

/** One to twelve machines, small clusters more often. */
const MACHINES = [3, 1, 5, 2, 4, 8, 3, 6, 12, 4, 3, 7, 2, 10, 5, 3, 9, 1, 4, 11];
const UNITS = [10, 3, 24];
const WEATHER = [
  { operations: [0.02, 0.3], faults: [0.005, 0.06] },
  { operations: [0.02, 0.1], faults: [0, 0.002] },
  { operations: [0.1, 0.3], faults: [0.05, 0.12] },
] as const;

/** Seeds in a row differ in size; every size comes with few and many units, in quiet and in stormy weather. */
export function shapeOf(seed: number): Shape {
  const machines = MACHINES[seed % MACHINES.length]!;
  const block = Math.floor(seed / MACHINES.length) + (seed % MACHINES.length);
  const units = UNITS[block % UNITS.length]!;
  return { machines, units, ...WEATHER[Math.floor(block / UNITS.length) % WEATHER.length]! };
}
