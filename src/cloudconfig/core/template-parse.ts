import { ESCAPE } from "./template-mode.ts";
import { shorten, TemplateError } from "./template-value.ts";

export type Expression =
  | { readonly kind: "literal"; readonly value: string | number | boolean }
  /** A fact, such as `interfaces.eth0.ipv4`. */
  | { readonly kind: "fact"; readonly path: readonly string[] }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Expression[] }
  | {
      readonly kind: "filter";
      readonly input: Expression;
      readonly name: string;
      readonly args: readonly Expression[];
    }
  | { readonly kind: "not"; readonly of: Expression }
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: "compare";
      readonly operator: Comparison;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: "choice";
      readonly condition: Expression;
      readonly chosen: Expression;
      readonly otherwise: Expression;
    };

export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in";

/** Characters of one expression. */
export const EXPRESSION_LENGTH_MAX = 1000;
/** Parentheses, arguments and negations inside one another. */
const DEPTH_MAX = 20;

const WORDS: ReadonlySet<string> = new Set("if else and or not in true false".split(" "));
const NAME = /[A-Za-z_](?:[\w-]*\w)?/y;
const NUMBER = /-?\d{1,15}(?:\.\d{1,9})?/y;
const INDEX = /\d{1,9}/y;
const STRING = /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/sy;
const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  "\\": "\\",
  '"': '"',
  "'": "'",
};

/**
 * Parses the expression that begins at `from` in `text` and reaches to `close`, or to the text's end if that is empty.
 * @returns it, and where the text goes on behind it
 * @throws {TemplateError}
 */
export function parseExpression(
  text: string,
  from: number,
  close: "}}" | "",
): { readonly expression: Expression; readonly end: number } {
  const parser = new ExpressionParser(
    text.slice(from, from + EXPRESSION_LENGTH_MAX + close.length + 1),
  );
  const expression = parser.choice();
  return { expression, end: from + parser.close(close) };
}

/** By recursive descent, from the loosest binding down to the tightest. */
class ExpressionParser {
  /** Little longer than an expression may be. */
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  choice(): Expression {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX)
      throw new TemplateError(`is nested deeper than ${DEPTH_MAX} levels`);
    const chosen = this.#or();
    if (!this.#word("if")) {
      this.#depth -= 1;
      return chosen;
    }
    const condition = this.#or();
    if (!this.#word("else")) throw this.#unexpected("else, and what to take then");
    const otherwise = this.choice();
    this.#depth -= 1;
    return { kind: "choice", condition, chosen, otherwise };
  }

  /** Where the text goes on behind the expression. */
  close(sign: string): number {
    this.#space();
    const isThere = sign === "" ? this.#at === this.#text.length : this.#sign(sign);
    if (isThere && this.#at - sign.length <= EXPRESSION_LENGTH_MAX) return this.#at;
    throw this.#unexpected(sign === "" ? "the end" : `an operator, a filter or ${sign}`);
  }

  #or(): Expression {
    let left = this.#and();
    while (this.#word("or")) left = { kind: "or", left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.#word("and")) left = { kind: "and", left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    let negations = 0;
    while (this.#word("not")) negations += 1;
    const of = this.#comparison();
    if (negations === 0) return of;
    const once: Expression = { kind: "not", of };
    return negations % 2 === 1 ? once : { kind: "not", of: once };
  }

  #comparison(): Expression {
    const left = this.#filtered();
    const operator = this.#operator();
    if (operator === undefined) return left;
    return { kind: "compare", operator, left, right: this.#filtered() };
  }

  #operator(): Comparison | undefined {
    for (const operator of ["==", "!=", "<=", ">=", "<", ">"] as const)
      if (this.#sign(operator)) return operator;
    return this.#word("in") ? "in" : undefined;
  }

  #filtered(): Expression {
    let input = this.#term();
    while (this.#sign("|")) {
      const name = this.#name();
      if (name === undefined) throw this.#unexpected("a filter's name behind |");
      input = { kind: "filter", input, name, args: this.#sign("(") ? this.#args() : [] };
    }
    return input;
  }

  #term(): Expression {
    if (this.#sign("(")) {
      const inner = this.choice();
      if (!this.#sign(")")) throw this.#unexpected(")");
      return inner;
    }
    const text = this.#string();
    if (text !== undefined) return { kind: "literal", value: text };
    const number = this.#match(NUMBER)?.[0];
    if (number !== undefined) return { kind: "literal", value: Number(number) };
    if (this.#word("true")) return { kind: "literal", value: true };
    if (this.#word("false")) return { kind: "literal", value: false };
    const name = this.#name();
    if (name === undefined) throw this.#unexpected("a fact, a text in quotes or a number");
    if (this.#sign("(")) return { kind: "call", name, args: this.#args() };
    return { kind: "fact", path: this.#path(name) };
  }

  #path(first: string): readonly string[] {
    const path = [first];
    for (;;) {
      if (this.#sign(".")) {
        const name = this.#name() ?? this.#match(INDEX)?.[0];
        if (name === undefined)
          throw this.#unexpected('a name behind the dot; others so: ["eth0.1"]');
        path.push(name);
      } else if (this.#sign("[")) {
        const name = this.#string() ?? this.#match(INDEX)?.[0];
        if (name === undefined || !this.#sign("]"))
          throw this.#unexpected("a name in quotes or a number, and ]");
        path.push(name);
      } else return path;
    }
  }

  #args(): readonly Expression[] {
    const args: Expression[] = [];
    if (this.#sign(")")) return args;
    do args.push(this.choice());
    while (this.#sign(","));
    if (!this.#sign(")")) throw this.#unexpected(") or a comma");
    return args;
  }

  #string(): string | undefined {
    const match = this.#match(STRING);
    if (match === undefined) return undefined;
    const written = (match[1] ?? match[2] ?? "").replaceAll(ESCAPE, "");
    return written.replace(/\\(.)/gs, (found, character: string) => {
      const meant = ESCAPES[character];
      if (meant === undefined)
        throw new TemplateError(`has "${found}" in a text; write \\\\ for a backslash`);
      return meant;
    });
  }

  #name(): string | undefined {
    const before = this.#at;
    const name = this.#match(NAME)?.[0];
    if (name === undefined || !WORDS.has(name)) return name;
    this.#at = before;
    return undefined;
  }

  #word(word: string): boolean {
    const before = this.#at;
    if (this.#match(NAME)?.[0] === word) return true;
    this.#at = before;
    return false;
  }

  #sign(sign: string): boolean {
    this.#space();
    if (!this.#text.startsWith(sign, this.#at)) return false;
    this.#at += sign.length;
    return true;
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    this.#space();
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }

  #space(): void {
    while (/\s/.test(this.#text.charAt(this.#at))) this.#at += 1;
  }

  #unexpected(wanted: string): TemplateError {
    this.#space();
    if (this.#at > EXPRESSION_LENGTH_MAX)
      return new TemplateError(`is longer than ${EXPRESSION_LENGTH_MAX} characters`);
    const rest = this.#text.slice(this.#at, this.#at + 100).split("\n", 1)[0] ?? "";
    const found = rest === "" ? "it ends" : `there is "${shorten(rest)}"`;
    const advice = rest.startsWith("=") ? "; write == to compare" : "";
    return new TemplateError(`expected ${wanted}; ${found}${advice}`);
  }
}
