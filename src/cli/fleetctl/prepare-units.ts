import { dirname, join } from "node:path";
import { Fault } from "#base/fault.ts";
import { refusedName } from "#fleet/core/refused-name.ts";
import type { SchemaUnit, SchemaUnitOption, UnitStateName } from "#fleet/core/schema.ts";
import { fleetWarnings } from "#unitfile/core/check-fleet-option.ts";
import { refusePastCalendar } from "#unitfile/core/refuse-past-calendar.ts";
import { serialiseUnitFile } from "#unitfile/core/serialise-unit-file.ts";
import type { UnitFile } from "#unitfile/core/unit-file.ts";
import {
  nameWithDefaultType,
  parseUnitName,
  type UnitName,
  unitNameParts,
} from "#unitfile/core/unit-name.ts";
import { validateFleetSection } from "#unitfile/core/validate-fleet-section.ts";
import { unitHash } from "#unitfile/unit-hash.ts";
import { mapConcurrently, settle } from "./concurrent.ts";
import { IS_DIRECTORY, isDirectory, type LocalUnit, readLocalUnit } from "./local-unit.ts";
import type { Session } from "./session.ts";
import { unifiedDiff } from "./unified-diff.ts";
import { expandArguments, unitNameOf } from "./unit-args.ts";
import { fileOf } from "./units.ts";

/** What to do about one argument of submit, load or start. */
export type PreparedUnit =
  | {
      readonly kind: "create";
      readonly name: string;
      readonly options: readonly SchemaUnitOption[];
    }
  | {
      readonly kind: "replace";
      readonly before: SchemaUnit;
      readonly name: string;
      readonly options: readonly SchemaUnitOption[];
    }
  | { readonly kind: "keep"; readonly name: string; readonly before: SchemaUnit }
  /** The file is the same and the unit is further on than the command would bring it: --replace has nothing to do. */
  | { readonly kind: "leave"; readonly name: string }
  | { readonly kind: "refuse"; readonly name: string };

/**
 * Finds and checks all units the arguments name, before anything is changed: in the cluster, on this machine, or as
 * instances of a template in either. Prints warnings.
 * @param target the state the command brings units to; --replace does not take a unit further back than that
 * @throws {Fault} for the first argument that cannot be used, in the words that follow `Error creating units: `; the fact
 *   `detail` says more
 */
export async function prepareUnits(
  session: Session,
  target: UnitStateName,
): Promise<PreparedUnit[]> {
  const words = new Map<string, string>();
  for (const word of expandArguments(session.args)) words.set(unitNameOf(word), word);
  const names = [...words.keys()].map(checkedName);
  const shown = new Set<string>();
  const attempts = await mapConcurrently(names, async (name) => {
    const said: (() => void)[] = [];
    const quiet = {
      ...session,
      out: (line: string) => said.push(() => session.out(line)),
      err: (line: string) => said.push(() => session.err(line)),
      warn: (lines: string) => said.push(() => session.warn(lines)),
      tellDifference: ([from = "", to = "", ...changes]: readonly string[]) =>
        said.push(() => {
          const text = changes.join("\n");
          // Instances of a template differ from its file alike: once is enough.
          if (!shown.has(text)) session.warn([from, to, text].join("\n"));
          shown.add(text);
        }),
    };
    const unit = await settle(() => prepare(quiet, target, { name, word: words.get(name)! }));
    return { said, unit };
  });
  // Answers come in any order; what is said, and which error counts, follows the order of the arguments.
  return attempts.map(({ said, unit }) => {
    for (const say of said) say();
    if (!unit.isDone) throw unit.error;
    return unit.value;
  });
}

interface Preparing extends Session {
  /** Prints the lines of a unified diff. */
  readonly tellDifference: (lines: readonly string[]) => void;
}

interface Wanted {
  readonly name: UnitName;
  /** The argument: a name or a path. */
  readonly word: string;
}

async function prepare(
  session: Preparing,
  target: UnitStateName,
  wanted: Wanted,
): Promise<PreparedUnit> {
  const { name } = wanted;
  const before = await session.api.unit(name);
  if (before !== undefined) return prepareKnown(session, target, { ...wanted, before });
  const file = await findFile(session, wanted);
  for (const { message, line, advice } of fleetWarnings(file, name))
    session.warn(
      `WARNING: Unit ${name}: ${message}${line > 0 ? ` in line ${line}` : ""}: ${advice}`,
    );
  checkFile(file, name, session.clock.now().getTime());
  return { kind: "create", name, options: bare(file) };
}

/** The unit exists: compares it with the file here, if there is one. */
async function prepareKnown(
  session: Preparing,
  target: UnitStateName,
  { name, word, before }: Wanted & { readonly before: SchemaUnit },
): Promise<PreparedUnit> {
  const keep = { kind: "keep", name, before } as const;
  const local = await localFile(session, { name, word });
  const replace = session.flags.bool("replace");
  if (local === undefined) {
    if (!replace) return keep;
    throw notFound(`unable to find Unit(${name}) on filesystem to replace it with`);
  }
  const isFurther = STEPS.indexOf(before.desiredState) > STEPS.indexOf(target);
  if (unitHash(local.file.options) === unitHash(before.options)) {
    if (replace) session.out(`Found same Unit(${name}) in Registry, nothing to do`);
    return replace && isFurther ? { kind: "leave", name } : keep;
  }
  if (!replace) {
    const kind = local.isTemplate ? "local template unit file" : "local unit file";
    session.warn(
      `WARNING: Unit ${name} in registry differs from ${kind} ${local.path}. Add --replace to override.`,
    );
    session.tellDifference(difference(before, local));
    return keep;
  }
  session.tellDifference(difference(before, local));
  if (isFurther) {
    session.err(
      `Warning: can not replace Unit(${name}) in state '${before.desiredState}', use the appropriate command`,
    );
    return { kind: "refuse", name };
  }
  checkFile(local.file, name, session.clock.now().getTime());
  return { kind: "replace", name, before, options: bare(local.file) };
}

/** Both as the cluster keeps units: without comments, so that only what counts is shown. */
function difference(before: SchemaUnit, { path, file }: LocalUnit): string[] {
  const lines = unifiedDiff(
    { name: `${before.name} (in the cluster)`, text: serialiseUnitFile(before.options) },
    { name: `${path} (here)`, text: serialiseUnitFile(file.options) },
  );
  const more = lines.length - DIFFERENCE_LINES_MAX;
  const rest = more > 0 ? [`... and ${more} more lines; see: fleetctl cat ${before.name}`] : [];
  return [...lines.slice(0, DIFFERENCE_LINES_MAX), ...rest];
}

const DIFFERENCE_LINES_MAX = 100;

const STEPS: readonly UnitStateName[] = ["inactive", "loaded", "launched"];

/** The file here, then the template in the cluster, then the template here. */
async function findFile(session: Session, wanted: Wanted): Promise<UnitFile> {
  const { name } = wanted;
  const own = await readChecked(nameWithDefaultType(wanted.word), name, session);
  if (own !== undefined) return own.file;
  const { kind, template } = unitNameParts(name);
  if (kind !== "instance" || template === undefined) {
    const detail = (await isDirectory(wanted.word, session.io.cwd))
      ? `Cannot read unit file ${wanted.word}: ${IS_DIRECTORY}`
      : undefined;
    throw notFound(`unable to find Unit(${name}) in Registry or on filesystem`, detail);
  }
  const known = await session.api.unit(template);
  const here = await readChecked(templatePath(wanted.word, template), name, session);
  if (known !== undefined) {
    if (here !== undefined && unitHash(here.file.options) !== unitHash(known.options))
      session.warn(
        `WARNING: Unit ${template} in registry differs from local template unit file ${here.path}; ${name} is made from the one in the registry.`,
      );
    return fileOf(known.options);
  }
  if (here !== undefined) return here.file;
  throw notFound(
    `failed getting Unit(${name}) from template: unable to find template Unit(${template}) in Registry or on filesystem`,
  );
}

async function localFile(
  session: Session,
  { name, word }: Wanted,
): Promise<(LocalUnit & { readonly isTemplate: boolean }) | undefined> {
  const own = await readChecked(nameWithDefaultType(word), name, session);
  if (own !== undefined) return { ...own, isTemplate: false };
  const { kind, template } = unitNameParts(name);
  if (kind !== "instance" || template === undefined) return undefined;
  const here = await readChecked(templatePath(word, template), name, session);
  return here && { ...here, isTemplate: true };
}

function templatePath(word: string, template: string): string {
  return join(dirname(word), template);
}

async function readChecked(
  path: string,
  name: string,
  session: Session,
): Promise<LocalUnit | undefined> {
  try {
    return await readLocalUnit(path, session.io.cwd);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { reason } = error.facts;
    const head = `failed getting Unit(${name}) from file: `;
    if (reason === undefined) throw new Fault(error.code, head + error.message, { cause: error });
    throw unusable(`${head}${reason}`, error.message);
  }
}

/** What the API would refuse, found before anything is changed. */
function checkFile(file: UnitFile, name: UnitName, nowMs: number): void {
  if (file.options.length === 0) {
    const [first] = file.warnings;
    const detail = first
      ? `line ${first.line}: ${first.message}; ${first.advice}`
      : "the file is empty";
    throw unusable(
      `failed creating unit ${name}: googleapi: Error 409: unit does not exist and options field empty`,
      `Cannot use ${name}: it has no options: ${detail}`,
    );
  }
  const refused = refusedName(name);
  if (refused !== undefined) throw unusable(`failed creating unit ${name}: ${refused}`, refused);
  rethrowReason(() => {
    validateFleetSection(file, name);
    refusePastCalendar(file, name, nowMs);
  });
}

function checkedName(text: string): UnitName {
  return rethrowReason(() => parseUnitName(text));
}

/** Faults of the unit file room hold the original's words as their reason. */
function rethrowReason<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { reason } = error.facts;
    if (reason === undefined) throw error;
    throw unusable(String(reason), error.message);
  }
}

function bare(file: UnitFile): SchemaUnitOption[] {
  return file.options.map(({ section, name, value }) => ({ section, name, value }));
}

function notFound(message: string, detail?: string): Fault {
  return new Fault("UNIT_NOT_FOUND", message, detail === undefined ? {} : { facts: { detail } });
}

function unusable(message: string, detail: string): Fault {
  return new Fault("UNIT_FILE_INVALID", message, { facts: { detail } });
}
