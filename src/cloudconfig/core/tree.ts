/**
 * YAML with everything gone but structure, text and lines: what all later steps read. The line of a key's value is the
 * key's own, wherever the value begins.
 */
export type Tree =
  | { readonly kind: "null"; readonly line: number }
  | {
      readonly kind: "text";
      readonly line: number;
      readonly text: string;
      /** In quotes, a block or tagged as text: never a number or a boolean, whatever it looks like. */
      readonly isQuoted?: true;
      /** Of a literal block (`|`): the line that its text begins on. */
      readonly textLine?: number;
    }
  /** A `!!binary` scalar. */
  | { readonly kind: "bytes"; readonly line: number; readonly bytes: Uint8Array }
  | { readonly kind: "list"; readonly line: number; readonly items: readonly Tree[] }
  | { readonly kind: "map"; readonly line: number; readonly entries: readonly Entry[] };

export interface Entry {
  /** As written, but with underscores: cloud-config takes `public-ip` and `public_ip` alike. */
  readonly key: string;
  readonly line: number;
  readonly value: Tree;
}

/** The value at the end of `keys`, if there is one. */
export function at(tree: Tree | undefined, ...keys: readonly string[]): Tree | undefined {
  return keys.reduce(child, tree);
}

/** The items of a list; none for anything else. */
export function itemsOf(tree: Tree | undefined): readonly Tree[] {
  return tree?.kind === "list" ? tree.items : [];
}

/** The text of a scalar. */
export function textOf(tree: Tree | undefined): string | undefined {
  return tree?.kind === "text" ? tree.text : undefined;
}

/** The value of `key`, if the tree is a map that has it. */
export function child(tree: Tree | undefined, key: string): Tree | undefined {
  return tree?.kind === "map" ? tree.entries.find((e) => e.key === key)?.value : undefined;
}
