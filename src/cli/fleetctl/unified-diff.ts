/** Lines around a change that are shown with it, as diff -u has them. */
const CONTEXT = 3;
/** Comparisons of one line with another that are worth a small difference; beyond, all lines between are taken as changed. */
const COMPARISONS_MAX = 4_000_000;

interface Edit {
  readonly mark: " " | "-" | "+";
  readonly line: string;
}

/**
 * The difference of two texts as lines of a unified diff, under the two names; none when they are equal. A text is taken
 * to end with a newline.
 */
export function unifiedDiff(
  before: { readonly name: string; readonly text: string },
  after: { readonly name: string; readonly text: string },
): string[] {
  const edits = editsBetween(linesOf(before.text), linesOf(after.text));
  if (edits.every(({ mark }) => mark === " ")) return [];
  return [`--- ${before.name}`, `+++ ${after.name}`, ...hunks(edits)];
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

function editsBetween(before: readonly string[], after: readonly string[]): Edit[] {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before[head] === after[head]) head += 1;
  let tail = 0;
  while (tail < most - head && before.at(-1 - tail) === after.at(-1 - tail)) tail += 1;
  const middle = changesBetween(
    before.slice(head, before.length - tail),
    after.slice(head, after.length - tail),
  );
  return [
    ...marked(" ", before.slice(0, head)),
    ...middle,
    ...marked(" ", before.slice(before.length - tail)),
  ];
}

function marked(mark: Edit["mark"], lines: readonly string[]): Edit[] {
  return lines.map((line) => ({ mark, line }));
}

/** By the longest common subsequence, removed lines before added ones. */
function changesBetween(before: readonly string[], after: readonly string[]): Edit[] {
  if (before.length * after.length > COMPARISONS_MAX)
    return [...marked("-", before), ...marked("+", after)];
  const common = commonLengths(before, after);
  const edits: Edit[] = [];
  let [a, b] = [0, 0];
  while (a < before.length || b < after.length)
    if (a < before.length && before[a] === after[b]) {
      edits.push({ mark: " ", line: before[a]! });
      a += 1;
      b += 1;
    } else if (
      b === after.length ||
      (a < before.length && common[a + 1]![b]! >= common[a]![b + 1]!)
    ) {
      edits.push({ mark: "-", line: before[a]! });
      a += 1;
    } else {
      edits.push({ mark: "+", line: after[b]! });
      b += 1;
    }
  return edits;
}

/** How many lines the rests of both texts have in common, from each pair of places on. */
function commonLengths(before: readonly string[], after: readonly string[]): Uint32Array[] {
  const table = Array.from({ length: before.length + 1 }, () => new Uint32Array(after.length + 1));
  for (let a = before.length - 1; a >= 0; a--)
    for (let b = after.length - 1; b >= 0; b--)
      table[a]![b] =
        before[a] === after[b]
          ? table[a + 1]![b + 1]! + 1
          : Math.max(table[a + 1]![b]!, table[a]![b + 1]!);
  return table;
}

function hunks(edits: readonly Edit[]): string[] {
  const changed = edits.flatMap(({ mark }, i) => (mark === " " ? [] : [i]));
  const spans: { from: number; to: number }[] = [];
  for (const at of changed) {
    const last = spans.at(-1);
    if (last !== undefined && at - CONTEXT <= last.to) last.to = at + CONTEXT + 1;
    else spans.push({ from: Math.max(0, at - CONTEXT), to: at + CONTEXT + 1 });
  }
  return spans.flatMap(({ from, to }) => hunk(edits, from, Math.min(to, edits.length)));
}

function hunk(edits: readonly Edit[], from: number, to: number): string[] {
  const shown = edits.slice(from, to);
  const range = (without: "-" | "+") => {
    const first = edits.slice(0, from).filter(({ mark }) => mark !== without).length;
    const count = shown.filter(({ mark }) => mark !== without).length;
    const start = count === 0 ? first : first + 1;
    return count === 1 ? `${start}` : `${start},${count}`;
  };
  const head = `@@ -${range("+")} +${range("-")} @@`;
  return [head, ...shown.map(({ mark, line }) => mark + line)];
}
