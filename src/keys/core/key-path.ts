/**
 * Keys inside the store are clean: they begin with a slash, have no empty, `.` or `..` part and no slash at
 * the end. The root is the empty string, so that a parent's key is always a prefix of its children's.
 */

const UNCLEAN = /^[^/]|\/\/|\/\.\.?(?:\/|$)|\/$/;

/** The clean form of what a client sent; never fails, `..` stops at the root. */
export function cleanKey(text: string): string {
  if (!UNCLEAN.test(text)) return text;
  const parts: string[] = [];
  for (const part of text.split("/"))
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  return parts.map((part) => `/${part}`).join("");
}

/** The key of the directory that holds `key`, which is not the root. */
export function parentKey(key: string): string {
  return key.slice(0, key.lastIndexOf("/"));
}

/** Whether a directory's listing leaves this key out: its own name begins with `_`. */
export function isHiddenName(key: string): boolean {
  return key.charCodeAt(key.lastIndexOf("/") + 1) === 95; // "_"
}

/** Whether a recursive watch at `watched` must not see `key` below it: a hidden name lies between. */
export function isHiddenBelow(watched: string, key: string): boolean {
  return key.length > watched.length && key.includes("/_", watched.length);
}

/** Whether `key` is `ancestor` or lies under it. */
export function isWithin(ancestor: string, key: string): boolean {
  return (
    key.startsWith(ancestor) && (key.length === ancestor.length || key[ancestor.length] === "/")
  );
}
