import type { KeyNode } from "#keys/core/event.ts";

/** A key or a directory to be taken over. */
export interface Item {
  readonly key: string;
  /** Undefined for a directory. */
  readonly value: string | undefined;
  /** Seconds that it had left when it was read. */
  readonly ttl: number | undefined;
  readonly modifiedIndex: number;
  /** Whether the listing shows anything below it. */
  readonly hasChildren: boolean;
}

/** Something to be written; a directory that is there already only gets another time to live. */
export type Step =
  | { readonly kind: "make"; readonly item: Item }
  | { readonly kind: "change"; readonly item: Item }
  | { readonly kind: "refresh"; readonly item: Item };

export interface Plan {
  /** Directories come before what is in them. */
  readonly steps: readonly Step[];
  readonly same: number;
  /** Keys that have another value at the target and are to be left. */
  readonly kept: readonly string[];
  /** What cannot be taken over, nor what is below it: a key at one side, a directory at the other. */
  readonly conflicts: readonly Item[];
}

/** Times to live that are this near are the same: reading and writing take time. */
const TTL_SLACK_SECONDS = 5;

/** The node and all below it as a listing shows them, without the root itself. */
export function itemsOf(node: KeyNode): Item[] {
  const items: Item[] = [];
  const stack = [node];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const { key, dir, value, ttl, modifiedIndex } = at;
    const nodes = at.nodes?.filter((child) => !isEnding(child)) ?? [];
    if (key !== "/" && key !== "")
      items.push({
        key,
        value: dir ? undefined : (value ?? ""),
        ttl,
        modifiedIndex,
        hasChildren: nodes.length > 0,
      });
    for (const child of nodes) stack.push(child);
  }
  return items.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** What has to be written so that the target holds all that the source does; nothing is ever removed. */
export function planImport(
  source: readonly Item[],
  target: ReadonlyMap<string, Item>,
  { keepExisting }: { readonly keepExisting: boolean },
): Plan {
  const steps: Step[] = [];
  const kept: string[] = [];
  const conflicts: Item[] = [];
  let same = 0;
  for (const item of source) {
    if (isBelow(item, conflicts)) continue;
    const there = target.get(item.key);
    if (there === undefined) {
      // A directory that holds something is made with that, unless it has an end of its own.
      if (item.value !== undefined || !item.hasChildren || item.ttl !== undefined)
        steps.push({ kind: "make", item });
    } else if ((there.value === undefined) !== (item.value === undefined)) conflicts.push(item);
    else if (isSame(item, there)) same += 1;
    else if (keepExisting) kept.push(item.key);
    else steps.push({ kind: item.value === undefined ? "refresh" : "change", item });
  }
  return { steps, same, kept, conflicts };
}

/** The keys that differ although they were to be equal, by whether the source changed them since `index`. */
export function compareAfter(
  source: readonly Item[],
  target: ReadonlyMap<string, Item>,
  { index, plan }: { readonly index: number; readonly plan: Plan },
): { readonly changed: string[]; readonly wrong: string[] } {
  const changed: string[] = [];
  const wrong: string[] = [];
  const left = new Set([...plan.kept, ...plan.conflicts.map(({ key }) => key)]);
  for (const item of source) {
    const there = target.get(item.key);
    if ((there && isSame(item, there)) || left.has(item.key) || isBelow(item, plan.conflicts))
      continue;
    (item.modifiedIndex > index ? changed : wrong).push(item.key);
  }
  return { changed, wrong };
}

function isBelow({ key }: Item, others: readonly Item[]): boolean {
  return others.some((other) => key.startsWith(`${other.key}/`));
}

function isSame(a: Item, b: Item): boolean {
  if (a.value !== b.value) return false;
  if (a.ttl === undefined || b.ttl === undefined) return a.ttl === b.ttl;
  return Math.abs(a.ttl - b.ttl) <= TTL_SLACK_SECONDS;
}

/** What has an end and no seconds left is about to be gone. */
function isEnding({ expiration, ttl }: KeyNode): boolean {
  return expiration !== undefined && (ttl === undefined || ttl <= 0);
}
