import * as v from "valibot";
import { Fault } from "#base/fault.ts";
import { refusePastCalendar } from "#unitfile/core/refuse-past-calendar.ts";
import { serialiseUnitFile, unitFileFromOptions } from "#unitfile/core/serialise-unit-file.ts";
import { parseUnitName, type UnitName, unitNameParts } from "#unitfile/core/unit-name.ts";
import { validateFleetSection } from "#unitfile/core/validate-fleet-section.ts";
import type { Job } from "./cluster-model.ts";
import { isObject, parseJson } from "./json-members.ts";
import { refusedName } from "./refused-name.ts";
import { isUnitStateName, type UnitStateName } from "./schema.ts";

/** What a request to set a unit amounts to. */
export type UnitRequest =
  | {
      readonly kind: "create";
      readonly name: UnitName;
      readonly raw: string;
      readonly desired: UnitStateName;
      /** Whether a unit of this name with other content is there. */
      readonly replaces: boolean;
    }
  | { readonly kind: "update"; readonly name: UnitName; readonly desired: UnitStateName }
  | Refusal;

/** An answer that says no, in fleet's words where it has them. */
export interface Refusal {
  readonly kind: "refuse";
  readonly status: number;
  readonly message: string;
}

const Body = v.object({
  name: v.nullish(v.string(), ""),
  desiredState: v.nullish(v.string(), ""),
  options: v.nullish(
    v.array(
      v.object({
        section: v.nullish(v.string(), ""),
        name: v.nullish(v.string(), ""),
        value: v.nullish(v.string(), ""),
      }),
    ),
    [],
  ),
});

/**
 * Reads the body of PUT /units/NAME; `jobOf` gives the job that is there, `hashOf` the hash of a unit's text, `nowMs` is
 * the time in milliseconds since 1970.
 */
export function readUnitRequest(
  inUrl: string,
  text: string,
  jobOf: (name: UnitName) => Job | undefined,
  hashOf: (raw: string) => string,
  nowMs: number,
): UnitRequest {
  const body = readBody(text);
  if ("kind" in body) return body;
  const named = body.name || inUrl;
  if (named !== inUrl) {
    const message = `name in URL ${quote(inUrl)} differs from unit name in request body ${quote(named)}`;
    return refuse(400, message);
  }
  const name = readName(inUrl);
  if (typeof name !== "string") return name;
  const desired = body.desiredState;
  if (desired !== "" && !isUnitStateName(desired))
    return refuse(
      400,
      `invalid desired state ${quote(desired)}: expected inactive, loaded or launched`,
    );
  if (unitNameParts(name).kind === "template" && desired !== "" && desired !== "inactive")
    return refuse(400, `cannot activate template ${quote(name)}`);
  const job = jobOf(name);
  const isThere = job?.hash !== undefined;
  if (body.options.length > 0) {
    const { options } = body;
    const file = caught(() => unitFileFromOptions(options, name));
    if ("kind" in file) return file;
    const raw = serialiseUnitFile(options);
    if (!isThere || job.hash !== hashOf(raw)) {
      const refused = refusedName(name);
      if (refused !== undefined) return refuse(400, refused);
      // What is in the store already is let be, even if a client put it there that checks less.
      const bad = caught(() => {
        validateFleetSection(file, name);
        refusePastCalendar(file, name, nowMs);
      });
      if (bad !== undefined) return bad;
      return {
        kind: "create",
        name,
        raw,
        desired: desired || "inactive", // also for a unit that runs, which the original's `start --replace` waits for
        replaces: isThere,
      };
    }
  }
  if (!isThere) return refuse(409, "unit does not exist and options field empty");
  if (desired === "") return refuse(409, "must provide DesiredState to update existing unit");
  return { kind: "update", name, desired };
}

export function refuse(status: number, message: string): Refusal {
  return { kind: "refuse", status, message };
}

/** A unit name, or the refusal of what is none. */
export function readName(text: string): UnitName | Refusal {
  return caught(() => parseUnitName(text));
}

function readBody(text: string): v.InferOutput<typeof Body> | Refusal {
  let parsed: unknown;
  try {
    parsed = parseJson(text, ["name", "desiredState", "options", "section", "value"]);
  } catch (error) {
    return refuse(400, `unable to decode body: ${error instanceof Error ? error.message : ""}`);
  }
  if (!isObject(parsed)) return refuse(400, "unable to decode body: it is no JSON object");
  const result = v.safeParse(Body, parsed);
  if (result.success) return result.output;
  const [issue] = result.issues;
  return refuse(400, `unable to decode body: ${v.getDotPath(issue) ?? "value"}: ${issue.message}`);
}

function caught<T>(read: () => T): T | Refusal {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return refuse(400, String(error.facts["reason"] ?? error.message));
  }
}

function quote(text: string): string {
  return JSON.stringify(text);
}
