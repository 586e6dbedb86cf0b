import * as v from "valibot";
import { type Parsed, readJson } from "./records.ts";

/** One text that a unit had. */
export interface UnitVersion {
  /** Counts up from 1 for as long as anything is known of the unit. */
  readonly number: number;
  readonly hash: string;
  /** When it came into force, in UTC as ISO 8601 gives it. */
  readonly at: string;
  readonly by: string;
  readonly why: string;
}

/** The texts of a unit, oldest first. */
export interface UnitHistory {
  readonly versions: readonly UnitVersion[];
}

export const VERSIONS_MAX = 10;

const Wire = v.object({
  versions: v.array(
    v.object({
      number: v.pipe(v.number(), v.integer(), v.minValue(1)),
      hash: v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/, "expected a hash")),
      at: v.nullish(v.string(), ""),
      by: v.nullish(v.string(), ""),
      why: v.nullish(v.string(), ""),
    }),
  ),
});

export function readHistory(json: string): Parsed<UnitHistory> {
  return readJson(Wire, json, (value) => value);
}

export function writeHistory(history: UnitHistory): string {
  return JSON.stringify(history);
}

/** The history with one more version, or as it is when that text is its last already; the oldest make room. */
export function withVersion(
  history: UnitHistory | undefined,
  version: Omit<UnitVersion, "number">,
): UnitHistory {
  const versions = history?.versions ?? [];
  const last = versions.at(-1);
  if (history !== undefined && last?.hash === version.hash) return history;
  const next = { number: (last?.number ?? 0) + 1, ...version };
  return { versions: [...versions, next].slice(-VERSIONS_MAX) };
}

/** The newest earlier version with this text. */
export function earlierVersion(
  history: UnitHistory | undefined,
  hash: string,
): UnitVersion | undefined {
  return history?.versions.findLast((version) => version.hash === hash);
}
