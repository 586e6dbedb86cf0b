import { Fault } from "#base/fault.ts";
import { nearestWord } from "#unitfile/core/nearest-word.ts";
import { groupOf } from "./machine.ts";

/**
 * The machines that `words` mean, each once: a name, a group's name (all of it), or a pattern with `*` and `?`. All of
 * them without words.
 * @throws {Fault} MACHINE_NOT_FOUND naming those there are.
 */
export function chooseMachines<M extends { readonly name: string }>(
  machines: readonly M[],
  words: readonly string[],
): readonly M[] {
  if (words.length === 0) return machines;
  return [...new Set(words.flatMap((word) => meantBy(word, machines)))];
}

function meantBy<M extends { readonly name: string }>(word: string, machines: readonly M[]) {
  const exact = machines.filter(({ name }) => name === word);
  if (exact.length > 0) return exact;
  const group = machines.filter(({ name }) => groupOf(name) === word);
  if (group.length > 0) return group;
  const matching = /[*?]/.test(word) ? machines.filter(({ name }) => matches(name, word)) : [];
  if (matching.length > 0) return matching;
  throw notFound(
    word,
    machines.map(({ name }) => name),
  );
}

/** Without backtracking, since the pattern is a person's. */
function matches(name: string, pattern: string): boolean {
  let reached = new Set([0]); // places in `name` up to which the pattern so far may have matched
  for (const wanted of pattern) {
    const next = new Set<number>();
    for (const at of reached)
      if (wanted === "*") for (let to = at; to <= name.length; to += 1) next.add(to);
      else if (at < name.length && (wanted === "?" || wanted === name[at])) next.add(at + 1);
    reached = next;
  }
  return reached.has(name.length);
}

const NAMES_SHOWN_MAX = 12;

function notFound(word: string, names: readonly string[]): Fault {
  if (names.length === 0)
    return new Fault(
      "MACHINE_NOT_FOUND",
      `Cannot find machine "${word}": there are no machines; make some with \`keelson up\``,
    );
  const near = nearestWord(word, [...names, ...new Set(names.map(groupOf))]);
  const meant = near === undefined ? "" : `; did you mean ${near}`;
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(", ");
  const more = names.length > NAMES_SHOWN_MAX ? ` and ${names.length - NAMES_SHOWN_MAX} more` : "";
  return new Fault(
    "MACHINE_NOT_FOUND",
    `Cannot find machine "${word}": there are ${shown}${more}${meant}`,
  );
}
