import { evaluate, truthOf } from "./template-evaluate.ts";
import { parseExpression } from "./template-parse.ts";
import { type FactGroup, shorten, TemplateError, textOf } from "./template-value.ts";

/** What is wrong with the expression `piece`, which begins at `at` in its text. */
export type Report = (at: number, piece: string, message: string) => void;

/** Characters that the expressions of one template may make, all together. */
const OUTPUT_LENGTH_MAX = 16 * 1024 * 1024;

/** Wrong expressions of one text; behind them nobody reads on. */
const FAILED_MAX = 100;

/** The expressions of one template, evaluated by the facts of one machine. Never throws for what a template says. */
export class TemplateText {
  #facts: FactGroup;
  readonly #isExample: boolean;
  #outputLength = 0;

  /** @param isExample whether conditions hold whatever they say, so that all of the template is checked */
  constructor(facts: FactGroup, isExample: boolean) {
    this.#facts = facts;
    this.#isExample = isExample;
  }

  /** From here on the machine's name is another. */
  rename(hostname: string): void {
    this.#facts = {
      ...this.#facts,
      entries: new Map(this.#facts.entries).set("hostname", hostname),
    };
  }

  /**
   * The text with its expressions replaced, and what is between them as `between` says; it is told where each such part
   * begins.
   */
  render(text: string, between: (part: string, at: number) => string, report: Report): string {
    let rendered = "";
    let at = 0;
    let failed = 0;
    for (let open = text.indexOf("{{"); open !== -1; open = text.indexOf("{{", at)) {
      if (failed === FAILED_MAX) return rendered;
      rendered += between(text.slice(at, open), at);
      try {
        const { expression, end } = parseExpression(text, open + 2, "}}");
        at = end;
        rendered += this.#counted(textOf(evaluate(expression, this.#facts)));
      } catch (thrown) {
        if (!(thrown instanceof TemplateError)) throw thrown;
        const close = text.indexOf("}}", open);
        at = Math.max(at, close === -1 ? text.length : close + 2);
        const piece = text.slice(open, at);
        failed += 1;
        report(open, piece, `${shorten(piece)}: ${thrown.message}`);
      }
    }
    return rendered + between(text.slice(at), at);
  }

  /** Whether the condition holds; undefined when it cannot be told, which was reported. */
  holds(condition: string, report: Report): boolean | undefined {
    const braces = /^\s*\{\{([^]*)\}\}\s*$/.exec(condition);
    const bare = braces?.[1] ?? condition;
    try {
      const { expression } = parseExpression(bare, 0, "");
      const value = evaluate(expression, this.#facts);
      return this.#isExample || truthOf(value);
    } catch (thrown) {
      if (!(thrown instanceof TemplateError)) throw thrown;
      report(0, condition, thrown.message);
      return undefined;
    }
  }

  #counted(text: string): string {
    this.#outputLength += text.length;
    if (this.#outputLength > OUTPUT_LENGTH_MAX)
      throw new TemplateError(
        `is too much: the expressions of this file make more than ${OUTPUT_LENGTH_MAX} characters together`,
      );
    return text;
  }
}
