/** What kind of body a request says it has, and what is wrong with the field that says so. */
export interface MediaType {
  /** In lower case, without parameters. */
  readonly type: string;
  readonly error?: string;
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9a-z]+";
const TYPE = new RegExp(`^(${TOKEN})?(?:(/)(${TOKEN})?([^]*))?`);
const PARAMETER = new RegExp(
  `^\\s*;\\s*(${TOKEN})\\s*=\\s*(?:${TOKEN}|"(?:[^"\\\\\\r\\n]|\\\\[^\\r\\n])*")`,
  "i",
);

/** Reads a Content-Type as Go's mime package does, whose mistakes etcd tells its clients. */
export function parseMediaType(text: string): MediaType {
  const [base = ""] = text.split(";", 1);
  const type = base.trim().toLowerCase();
  const error = typeError(type);
  if (error !== undefined) return { type: "", error };
  let rest = text.slice(base.length);
  const names = new Set<string>();
  while (rest.trim() !== "" && rest.trim() !== ";") {
    const [found, name = ""] = PARAMETER.exec(rest) ?? [];
    if (found === undefined) return { type, error: "mime: invalid media parameter" };
    if (names.has(name.toLowerCase())) return { type: "", error: "mime: duplicate parameter name" };
    names.add(name.toLowerCase());
    rest = rest.slice(found.length);
  }
  return { type };
}

function typeError(type: string): string | undefined {
  const [all = "", main, slash, sub, more] = TYPE.exec(type) ?? [];
  if (main === undefined) return "mime: no media type";
  if (type === main) return undefined;
  if (slash === undefined || all === main) return "mime: expected slash after first token";
  if (sub === undefined) return "mime: expected token after slash";
  return more ? "mime: unexpected content after media subtype" : undefined;
}
