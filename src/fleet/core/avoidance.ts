import * as v from "valibot";
import { type Parsed, readJson } from "./records.ts";

/**
 * That a unit was taken off a machine because it was unhealthy there, under `avoid/UNIT/MACHINE`. It is not placed there
 * again while the key lives, unless nothing else fits.
 */
export interface Avoidance {
  readonly reason: string;
}

/** How long the key lives. */
export const AVOIDED_SECONDS = 600;

const Wire = v.object({ reason: v.string() });

export function readAvoidance(json: string): Parsed<Avoidance> {
  return readJson(Wire, json, (wire) => wire);
}

export function writeAvoidance({ reason }: Avoidance): string {
  return JSON.stringify({ reason });
}
