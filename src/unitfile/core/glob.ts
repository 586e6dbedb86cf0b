/**
 * Whether `pattern` matches all of `text`, as Go's path.Match does, which fleet uses for Conflicts and Replaces:
 * `*` and `?` stand for any characters but `/`, `[a-z]` and `[^a-z]` for one, a backslash takes the next as it is.
 * A malformed pattern matches nothing.
 */
export function matchGlob(pattern: string, text: string): boolean {
  const tokens = parseGlob(pattern);
  return tokens !== undefined && matches(tokens, Array.from(text));
}

/** Whether a pattern can match anything at all. */
export function isGlob(pattern: string): boolean {
  return parseGlob(pattern) !== undefined;
}

const SPECIAL = /[*?[\\]/;

/** Whether `text` is what `pattern` says or matches it as a glob; so a name with a backslash is found under itself too. */
export function isOrMatches(pattern: string, text: string): boolean {
  return pattern === text || (SPECIAL.test(pattern) && matchGlob(pattern, text));
}

/** `isOrMatches` for one pattern and many texts. */
export function globMatcher(pattern: string): (text: string) => boolean {
  if (!SPECIAL.test(pattern)) return (text) => text === pattern;
  const [, head, tail = ""] = /^([^*?[\\]*)\*([^*?[\\]*)$/.exec(pattern) ?? [];
  if (head !== undefined)
    return (text) =>
      text.startsWith(head) &&
      text.endsWith(tail) &&
      text.length >= head.length + tail.length &&
      !text.slice(head.length, text.length - tail.length).includes("/");
  const tokens = parseGlob(pattern);
  return (text) => text === pattern || (tokens !== undefined && matches(tokens, Array.from(text)));
}

type Token = "*" | ((character: string) => boolean);

/** Goes back to the latest `*` only, so the time is at most pattern length times text length. */
function matches(tokens: readonly Token[], text: readonly string[]): boolean {
  let at = 0;
  let token = 0;
  let retry: { readonly token: number; at: number } | undefined;
  while (at < text.length || token < tokens.length) {
    const expected = tokens[token];
    const character = text[at];
    if (expected === "*") {
      token += 1;
      retry = { token, at };
    } else if (character !== undefined && expected?.(character) === true) {
      at += 1;
      token += 1;
    } else if (retry !== undefined && retry.at < text.length && text[retry.at] !== "/") {
      retry.at += 1;
      at = retry.at;
      token = retry.token;
    } else return false;
  }
  return true;
}

function parseGlob(pattern: string): Token[] | undefined {
  const characters = Array.from(pattern);
  const tokens: Token[] = [];
  let at = 0;
  while (at < characters.length) {
    const character = characters[at];
    if (character === "*") tokens.push("*");
    else if (character === "?") tokens.push((c) => c !== "/");
    else if (character === "[") {
      const set = parseSet(characters, at + 1);
      if (set === undefined) return undefined;
      tokens.push(set.token);
      at = set.next;
      continue;
    } else {
      if (character === "\\") at += 1;
      const literal = characters[at];
      if (literal === undefined) return undefined;
      tokens.push((c) => c === literal);
    }
    at += 1;
  }
  return tokens;
}

interface Range {
  readonly low: string;
  readonly high: string;
}

/** Reads `a-z0]` or `^a-z0]` from after the `[`; a set has at least one range. */
function parseSet(
  characters: readonly string[],
  start: number,
): { token: Token; next: number } | undefined {
  const negated = characters[start] === "^";
  let at = negated ? start + 1 : start;
  const ranges: Range[] = [];
  while (characters[at] !== "]" || ranges.length === 0) {
    const low = setCharacter(characters, at);
    if (low === undefined) return undefined;
    at = low.next;
    let high: ReturnType<typeof setCharacter> = low;
    if (characters[at] === "-") {
      high = setCharacter(characters, at + 1);
      if (high === undefined) return undefined;
      at = high.next;
    }
    ranges.push({ low: low.character, high: high.character });
  }
  const token = (c: string) => ranges.some((r) => inRange(c, r)) !== negated;
  return { token, next: at + 1 };
}

function setCharacter(
  characters: readonly string[],
  at: number,
): { character: string; next: number } | undefined {
  const first = characters[at];
  if (first === "-" || first === "]") return undefined;
  const escaped = first === "\\";
  const character = escaped ? characters[at + 1] : first;
  return character === undefined ? undefined : { character, next: at + (escaped ? 2 : 1) };
}

function inRange(character: string, { low, high }: Range): boolean {
  const code = character.codePointAt(0)!;
  return low.codePointAt(0)! <= code && code <= high.codePointAt(0)!;
}
