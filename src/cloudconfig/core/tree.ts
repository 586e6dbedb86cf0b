/** YAML with everything gone but structure, text and lines: what all later steps read. */
export type Tree =
  | { readonly kind: "null"; readonly line: number }
  | { readonly kind: "text"; readonly line: number; readonly text: string }
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

/** The value of `key`, if the tree is a map that has it. */
export function child(tree: Tree | undefined, key: string): Tree | undefined {
  return tree?.kind === "map" ? tree.entries.find((e) => e.key === key)?.value : undefined;
}
