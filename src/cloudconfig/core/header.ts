import { original, type Problem } from "./problem.ts";

const HEADER = "#cloud-config";

/** What is wrong with user-data whose first line does not tell what it is. */
export function checkHeader(text: string): readonly Problem[] {
  const message = 'must be "#cloud-config" or begin with "#!"';
  return [original("error", { line: 1, key: "" }, message, advice(text))];
}

function advice(text: string): string {
  const lines = text.split("\n");
  const first = lines[0]?.trim() ?? "";
  if (text.startsWith("\uFEFF"))
    return "a byte order mark stands before the first character; save the file as UTF-8 without it";
  const at = lines.findIndex((line) => line.trimEnd() === HEADER);
  if (at > 0) return `"${HEADER}" stands on line ${at + 1}; it has to be the first`;
  const word = first.toLowerCase().replaceAll(/[^#a-z]/g, "");
  const isNear = /^#*(?:cl?ou?d?con?f|cloudc)/.test(word) && word.length < 20;
  if (isNear) return `the first line is "${first}"; write exactly ${HEADER}, without blanks`;
  return `write exactly ${HEADER} on the first line`;
}
