/** The fields of a request, each with its first value; or what is wrong with the text. */
export type Form = ReadonlyMap<string, string> | { readonly error: string };

/**
 * Reads `application/x-www-form-urlencoded` texts, the fields of earlier ones first, as Go's net/http does for etcd:
 * of a name given twice the first value counts, and of several mistakes the first is told. Never throws.
 */
export function parseForm(texts: readonly string[]): Form {
  const fields = new Map<string, string>();
  let error: string | undefined;
  for (const text of texts) error ??= readFields(text, fields);
  return error === undefined ? fields : { error };
}

function readFields(text: string, fields: Map<string, string>): string | undefined {
  let error: string | undefined;
  for (let start = 0; start < text.length; ) {
    const ampersand = text.indexOf("&", start);
    const end = ampersand < 0 ? text.length : ampersand;
    const pair = text.slice(start, end);
    start = end + 1;
    if (pair === "") continue;
    if (pair.includes(";")) {
      error ??= "invalid semicolon separator in query";
      continue;
    }
    const equals = pair.indexOf("=");
    const name = unescapeForm(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? "" : unescapeForm(pair.slice(equals + 1));
    if (typeof name !== "string") error ??= name.error;
    else if (typeof value !== "string") error ??= value.error;
    else if (!fields.has(name)) fields.set(name, value);
  }
  return error;
}

const ESCAPED = /[%+]/;
const BAD_ESCAPE = /%(?![0-9a-fA-F]{2})[^]{0,2}/;

function unescapeForm(text: string): string | { readonly error: string } {
  if (!ESCAPED.test(text)) return text;
  const spaced = text.replaceAll("+", " ");
  const bad = BAD_ESCAPE.exec(spaced);
  if (bad) return { error: `invalid URL escape ${JSON.stringify(bad[0])}` };
  return unescapePercent(spaced);
}

/** Decodes `%XX` as UTF-8; what is none becomes U+FFFD. All escapes must be well formed. */
export function unescapePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return decodeBytes(text);
  }
}

function decodeBytes(text: string): string {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (let at = 0; at < text.length; at++)
    if (text[at] === "%") {
      bytes.push(Number.parseInt(text.slice(at + 1, at + 3), 16));
      at += 2;
    } else {
      const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
      bytes.push(...encoder.encode(character));
      at += character.length - 1;
    }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
}
