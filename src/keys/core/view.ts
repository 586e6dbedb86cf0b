import { byCodePoint } from "#keys/core/code-point-order.ts";
import type { KeyNode } from "#keys/core/event.ts";
import { isoTime } from "#keys/core/iso-time.ts";
import { isHiddenName } from "#keys/core/key-path.ts";
import type { StoreNode } from "#keys/core/tree.ts";

/** A node as the API shows it at `nowMs`, without its children. */
export function viewNode(node: StoreNode, nowMs: number): KeyNode {
  const { key, value, modifiedIndex, createdIndex, expiresMs } = node;
  if (expiresMs === undefined)
    return node.children
      ? { key, dir: true, modifiedIndex, createdIndex }
      : { key, value, modifiedIndex, createdIndex };
  return {
    key,
    ...(node.children ? { dir: true } : { value }),
    ...lifetime(expiresMs, nowMs),
    modifiedIndex,
    createdIndex,
  };
}

/** A directory that is shown, and what it shows as soon as they are looked at. */
interface Listing {
  readonly children: readonly StoreNode[];
  readonly nodes: KeyNode[];
}

/**
 * A node with its children, or all below when `recursive`; hidden ones are left out. A loop and no recursion: the tree
 * may be deeper than the stack.
 */
export function viewTree(
  node: StoreNode,
  options: { readonly recursive: boolean; readonly sorted: boolean },
  nowMs: number,
): KeyNode {
  const pending: Listing[] = [];
  const view = viewDirectory(node, options.sorted, nowMs, pending);
  for (let at = pending.pop(); at !== undefined; at = pending.pop())
    for (const child of at.children)
      at.nodes.push(
        options.recursive && child.children
          ? viewDirectory(child, options.sorted, nowMs, pending)
          : viewNode(child, nowMs),
      );
  return view;
}

/** Its children are left to be filled in, in `pending`. */
function viewDirectory(
  node: StoreNode,
  sorted: boolean,
  nowMs: number,
  pending: Listing[],
): KeyNode {
  const view = viewNode(node, nowMs);
  const children: StoreNode[] = [];
  for (const child of node.children ?? []) if (!isHiddenName(child.key)) children.push(child);
  if (children.length === 0) return view;
  if (sorted) children.sort((a, b) => byCodePoint(a.key, b.key));
  const nodes: KeyNode[] = [];
  pending.push({ children, nodes });
  const { modifiedIndex, createdIndex, ...rest } = view;
  return { ...rest, nodes, modifiedIndex, createdIndex };
}

/** The fields of a time to live; `ttl` in seconds, rounded up, and absent when it would be 0, as in etcd. */
function lifetime(
  expiresMs: number | undefined,
  nowMs: number,
): { readonly expiration?: string; readonly ttl?: number } {
  if (expiresMs === undefined) return {};
  const ttl = Math.ceil((expiresMs - nowMs) / 1000);
  const expiration = isoTime(expiresMs);
  return ttl === 0 ? { expiration } : { expiration, ttl };
}
