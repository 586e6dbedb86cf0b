import { Fault } from "#base/fault.ts";
import type { SchemaMachine } from "#fleet/core/schema.ts";
import { matchGlob } from "#unitfile/core/glob.ts";
import { isPattern } from "./unit-args.ts";

const CANDIDATES_MAX = 8; // that an error lists

/**
 * The machines that the words mean: an id or its beginning, as tables show it or not, an address, a host name, or a pattern for
 * any of these. In the order of the words, each once.
 * @throws {Fault} USAGE for none, MACHINE_NOT_FOUND for a word that means no machine, or several without being a pattern
 */
export function chooseMachines(
  words: readonly string[],
  machines: readonly SchemaMachine[],
): SchemaMachine[] {
  if (words.length === 0)
    throw new Fault(
      "USAGE",
      "Cannot tell which machine is meant: give an id or its beginning, an address or a host name",
    );
  return [...new Set(words.flatMap((word) => machinesOf(word, machines)))];
}

/** @throws {Fault} as chooseMachines does */
export function chooseMachine(word: string, machines: readonly SchemaMachine[]): SchemaMachine {
  const [machine, ...others] = chooseMachines([word], machines);
  if (others.length > 0) throw ambiguous(word, [machine!, ...others]);
  return machine!;
}

function machinesOf(word: string, machines: readonly SchemaMachine[]): SchemaMachine[] {
  const isMeant = isPattern(word)
    ? (name: string) => matchGlob(word, name)
    : (name: string) => name === word;
  const beginning = /^([0-9a-f]+)(\.\.\.(\/.*)?)?$/.exec(word)?.[1];
  const found = machines.filter(
    ({ id, primaryIP, hostName = "" }) =>
      [id, primaryIP, hostName].some((name) => name !== "" && isMeant(name)) ||
      (beginning !== undefined && id.startsWith(beginning)),
  );
  if (found.length === 0)
    throw new Fault(
      "MACHINE_NOT_FOUND",
      `Cannot find machine "${word}": no id begins so, and no address or host name is this; there are ${listed(machines)}`,
    );
  if (found.length > 1 && !isPattern(word)) throw ambiguous(word, found);
  return found;
}

function ambiguous(word: string, found: readonly SchemaMachine[]): Fault {
  return new Fault(
    "MACHINE_NOT_FOUND",
    `Cannot tell which machine "${word}" is: it could be ${listed(found)}; give more of its id`,
  );
}

function listed(machines: readonly SchemaMachine[]): string {
  if (machines.length === 0) return "none";
  const names = machines
    .slice(0, CANDIDATES_MAX)
    .map(({ id, primaryIP, hostName }) => [id, primaryIP, hostName].filter(Boolean).join(" "));
  const more = machines.length - names.length;
  return names.join(", ") + (more > 0 ? ` and ${more} more` : "");
}
