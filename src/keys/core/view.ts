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

/** A node with its children, or all below when `recursive`; hidden ones are left out. */
export function viewTree(
  node: StoreNode,
  options: { readonly recursive: boolean; readonly sorted: boolean },
  nowMs: number,
): KeyNode {
  const view = viewNode(node, nowMs);
  if (node.children === undefined) return view;
  const nodes: KeyNode[] = [];
  for (const child of node.children)
    if (!isHiddenName(child.key))
      nodes.push(options.recursive ? viewTree(child, options, nowMs) : viewNode(child, nowMs));
  if (nodes.length === 0) return view;
  if (options.sorted) nodes.sort((a, b) => byCodePoint(a.key, b.key));
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
