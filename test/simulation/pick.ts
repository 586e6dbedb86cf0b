import type { Random } from "#base/random.ts";

/** One of them, all equally likely. */
export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!;
}

export function chance(random: Random, share: number): boolean {
  return random() < share;
}

export function between(random: Random, least: number, most: number): number {
  return least + random() * (most - least);
}

/** The same in an order of chance. */
export function shuffled<T>(random: Random, from: readonly T[]): T[] {
  const rest = [...from];
  return from.map(() => rest.splice(Math.floor(random() * rest.length), 1)[0]!);
}
