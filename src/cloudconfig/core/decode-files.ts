import { error, original, type Problem } from "./problem.ts";
import type { ConfigFile } from "./schema.ts";
import { child, itemsOf, type Tree, textOf } from "./tree.ts";

/** Inflates gzip data; throws when it is none. */
export type Gunzip = (data: Uint8Array) => Uint8Array;

/**
 * The contents whose `encoding` is undone, of each file of the list.
 * @param tree `write_files`
 */
export function decodeContents(
  tree: Tree | undefined,
  gunzip: Gunzip,
): {
  readonly contents: readonly (Uint8Array | undefined)[];
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  const contents = itemsOf(tree).map((item, i) => {
    const encoding = textOf(child(item, "encoding"));
    if (!encoding) return undefined;
    const content = child(item, "content");
    const key = `write_files[${i}].content`;
    try {
      return decode(octetsOf(content), encoding, gunzip);
    } catch (thrown) {
      if (!(thrown instanceof Error)) throw thrown;
      const line = content?.line ?? child(item, "encoding")?.line ?? item.line;
      const hint = `${thrown.message}; encode the file again`;
      const message = `content cannot be decoded as ${JSON.stringify(encoding)}`;
      problems.push(
        thrown instanceof NotOfThisKind
          ? original("error", { line, key }, message, hint)
          : error(line, key, `cannot be decoded as ${encoding}: ${hint}`),
      );
      return undefined;
    }
  });
  return { contents, problems };
}

/** The files with what was decoded of them in place of what was written. */
export function withContents(
  files: readonly ConfigFile[],
  contents: readonly (Uint8Array | undefined)[],
): readonly ConfigFile[] {
  return files.map((file, i) => {
    const { encoding: _, ...plain } = file;
    const content = contents[i];
    return content === undefined ? file : { ...plain, content };
  });
}

/** What the original finds too: it looks at base64 whole, and at gzip's first bytes. */
class NotOfThisKind extends Error {}

function octetsOf(content: Tree | undefined): Uint8Array {
  if (content?.kind === "bytes") return content.bytes;
  return new TextEncoder().encode(textOf(content) ?? "");
}

const ENCODING = /^(?:(gz|gzip)(?:\+(base64|b64))?|base64|b64)$/;

function decode(octets: Uint8Array, encoding: string, gunzip: Gunzip): Uint8Array {
  const [known, compressed, inBase64] = ENCODING.exec(encoding) ?? [];
  if (known === undefined) throw new NotOfThisKind("there is no such encoding");
  const inner = compressed !== undefined && inBase64 === undefined ? octets : fromBase64(octets);
  return compressed === undefined ? inner : inflate(inner, gunzip);
}

const GZIP_HEADER_BYTES = 10; // RFC 1952 section 2.3.1: two bytes that name it, and the method, deflate

function inflate(octets: Uint8Array, gunzip: Gunzip): Uint8Array {
  const [first, second, method] = octets;
  if (octets.length < GZIP_HEADER_BYTES || first !== 0x1f || second !== 0x8b || method !== 8)
    throw new NotOfThisKind("it is no gzip data");
  return gunzip(octets);
}

/** RFC 4648 section 4, with its padding; line breaks are passed over, other blanks are none of it: as Go reads it. */
function fromBase64(octets: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(octets).replaceAll(/[\r\n]/g, "");
  if (text.length % 4 !== 0 || /[^A-Za-z0-9+/]/.test(text.replace(/={1,2}$/, "")))
    throw new NotOfThisKind("it is no base64, with = at its end to a length of 4");
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
