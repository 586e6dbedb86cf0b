import type { KeyEvent, KeyNode } from "#keys/core/event.ts";
import type { MirrorChange, MirrorEntry } from "./mirror.ts";
import type { MirrorTree } from "./mirror-tree.ts";

/** The value-holding keys of a recursive listing. */
export function entriesOf(node: KeyNode): Map<string, MirrorEntry> {
  const entries = new Map<string, MirrorEntry>();
  const pending = [node];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (next.dir === true) for (const child of next.nodes ?? []) pending.push(child);
    else entries.set(next.key, entryOf(next));
  }
  return entries;
}

/** What changes when the tree becomes what was listed, in order of the keys. */
export function changesOfListing(
  tree: MirrorTree,
  listed: ReadonlyMap<string, MirrorEntry>,
): MirrorChange[] {
  const changes: MirrorChange[] = [];
  for (const before of tree.under("/"))
    if (!listed.has(before.key))
      changes.push({ key: before.key, before, after: undefined, event: undefined });
  for (const after of listed.values()) {
    const before = tree.get(after.key);
    if (before === undefined || !sameEntry(before, after))
      changes.push({ key: after.key, before, after, event: undefined });
  }
  return changes.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** What an event changes: one key, or every key of a directory that went. */
export function changesOfEvent(tree: MirrorTree, event: KeyEvent): MirrorChange[] {
  const { node, action } = event;
  if (action === "get") return [];
  if (action === "delete" || action === "expire" || action === "compareAndDelete")
    return tree
      .under(node.key)
      .map((before) => ({ key: before.key, before, after: undefined, event }));
  const before = tree.get(node.key);
  if (node.dir !== true) return [{ key: node.key, before, after: entryOf(node), event }];
  // A directory set over a key takes its value away; one that was made or renewed changes no value.
  return before === undefined ? [] : [{ key: node.key, before, after: undefined, event }];
}

function entryOf(node: KeyNode): MirrorEntry {
  return {
    key: node.key,
    value: node.value ?? "",
    modifiedIndex: node.modifiedIndex,
    createdIndex: node.createdIndex,
  };
}

function sameEntry(a: MirrorEntry, b: MirrorEntry): boolean {
  return (
    a.value === b.value && a.modifiedIndex === b.modifiedIndex && a.createdIndex === b.createdIndex
  );
}
