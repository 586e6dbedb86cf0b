import { type Problem, warning } from "./problem.ts";
import type { Tree } from "./tree.ts";

/** Where people's language may stand, and files, which may hold anything. */
const FREE = /^(?:write_files\[\d+\]\.content|users\[\d+\]\.gecos|coreos\.oem\..*)$/;

/** What word processors and web pages make of quotes, hyphens and blanks, and values that were to be filled in. */
export function checkTexts(tree: Tree): readonly Problem[] {
  const problems: Problem[] = [];
  visit(tree, "", (text, line, key) => {
    if (FREE.test(key)) return;
    const foreign = foreignCharacter(text);
    if (foreign !== undefined) problems.push(warning(line, key, foreign));
  });
  return problems;
}

function foreignCharacter(text: string): string | undefined {
  if (/^\s*(?:[#;]|Description=)/.test(text)) return undefined;
  const quote = /[\u2018-\u201f\u2032\u2033]/.exec(text);
  if (quote !== null)
    return `has the typographic quote ${quote[0]}, which quotes nothing; write a plain " or '`;
  const dash = /(?:^|[\s=])([\u2010-\u2015\u2212])/.exec(text)?.[1];
  if (dash !== undefined)
    return `has the typographic dash ${dash}; options begin with plain hyphens, - or --`;
  if (/[\u00a0\u2007\u202f\u3000]/.test(text))
    return "has a blank that is none to programs (a no-break space); type the blank anew";
  if (/[\u200b-\u200d\u2060\ufeff]/.test(text))
    return "has a character of no width, which nobody sees and programs do not expect; type the value anew";
  return undefined;
}

function visit(
  tree: Tree,
  key: string,
  onText: (text: string, line: number, key: string) => void,
): void {
  switch (tree.kind) {
    case "text":
      if (tree.textLine === undefined) onText(tree.text, tree.line, key);
      else
        for (const [i, text] of tree.text.split("\n").entries())
          onText(text, tree.textLine + i, key);
      return;
    case "list":
      for (const [i, item] of tree.items.entries()) visit(item, `${key}[${i}]`, onText);
      return;
    case "map":
      for (const entry of tree.entries)
        visit(entry.value, key === "" ? entry.key : `${key}.${entry.key}`, onText);
      return;
    case "null":
    case "bytes":
      return;
    default:
      tree satisfies never;
  }
}
