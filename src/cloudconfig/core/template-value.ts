/** What an expression of a template can give: texts, numbers, truth, lists of them, and groups of facts. */
export type Value = string | number | boolean | readonly Value[] | FactGroup;

export interface FactGroup {
  readonly entries: ReadonlyMap<string, Value>;
  /** Of example facts: the value of every name that `entries` lacks. */
  readonly others?: Value;
}

/** Where the names of addresses are kept among the facts; no expression can name it. */
export const REVERSE_NAMES = "(reverse)";

/** A fact that this machine does not have. Only `default` and `defined` may meet one. */
export class Missing {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** What is wrong with an expression. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
}

/** Characters of any text on the way, and items of any list: what bounds the work that an expression can make. */
export const TEXT_LENGTH_MAX = 65_536;
export const LIST_LENGTH_MAX = 1000;
/** More names than this are looked up, not read in an error message. */
const NAMES_TOLD_MAX = 24;

export function isGroup(value: Value): value is FactGroup {
  return typeof value === "object" && !isList(value);
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** The value as text. @throws {TemplateError} for lists and groups, which have none. */
export function textOf(value: Value): string {
  if (isGroup(value))
    throw new TemplateError(`is a group of facts; choose one of it: ${tellNames(value)}`);
  if (isList(value)) throw new TemplateError('is a list; make it a text by join(",") or first');
  return String(value);
}

/** The value as a number, also of digits in a text. @throws {TemplateError} */
export function numberOf(value: Value): number {
  const text = textOf(value).trim();
  if (!/^[-+]?\d{1,15}(?:\.\d{1,9})?$/.test(text))
    throw new TemplateError(`"${shorten(text)}" is not a number`);
  return Number(text);
}

/** `a, b, c`, sorted, the end left out of a long list. */
export function tellNames(group: FactGroup): string {
  const names = [...group.entries.keys()].filter((name) => name !== REVERSE_NAMES).toSorted();
  if (names.length === 0) return "nothing";
  const told = names.slice(0, NAMES_TOLD_MAX).join(", ");
  return names.length > NAMES_TOLD_MAX ? `${told} …` : told;
}

export function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** @throws {TemplateError} when the text is longer than one may become. */
export function bounded(text: string): string {
  checkLength(text.length);
  return text;
}

export function checkLength(length: number): void {
  if (length > TEXT_LENGTH_MAX)
    throw new TemplateError(`becomes longer than ${TEXT_LENGTH_MAX} characters`);
}
