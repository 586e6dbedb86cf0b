import { error, type Problem } from "./problem.ts";
import type { ConfigFile } from "./schema.ts";
import { child, type Tree } from "./tree.ts";

/** Inflates gzip data; throws when it is none. */
export type Gunzip = (data: Uint8Array) => Uint8Array;

/**
 * The files with their `encoding` undone.
 * @param tree the list that they were read from, for the lines of problems
 */
export function decodeFiles(
  files: readonly ConfigFile[],
  tree: Tree | undefined,
  gunzip: Gunzip,
): { readonly files: readonly ConfigFile[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const decoded = files.map((file, i) => {
    const { encoding, ...plain } = file;
    if (encoding === undefined) return file;
    try {
      return { ...plain, content: decode(file.content ?? "", encoding, gunzip) };
    } catch (thrown) {
      const item = tree?.kind === "list" ? tree.items[i] : undefined;
      const line = child(item, "content")?.line ?? item?.line ?? 1;
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      const message = `cannot be decoded as ${encoding} (${reason}); encode the file again`;
      problems.push(error(line, `write_files[${i}].content`, message));
      return file;
    }
  });
  return { files: decoded, problems };
}

function decode(content: string | Uint8Array, encoding: string, gunzip: Gunzip): Uint8Array {
  const octets = encoding.endsWith("64") ? fromBase64(content) : toBytes(content);
  return encoding.startsWith("gz") ? gunzip(octets) : octets;
}

function toBytes(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}

function fromBase64(content: string | Uint8Array): Uint8Array {
  const text = typeof content === "string" ? content : new TextDecoder().decode(content);
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
