/** Which page of a list, and how long pages are; the wire form is the original's, so that its clients can go on. */
export interface PageToken {
  readonly limit: number;
  /** From 1. */
  readonly page: number;
}

const BYTES = 4; // limit and page, 16 bits each, least byte first

export function formatPageToken({ limit, page }: PageToken): string {
  const bytes = [limit & 0xff, limit >> 8, page & 0xff, page >> 8];
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_");
}

/** Undefined when the text is no token. */
export function parsePageToken(text: string): PageToken | undefined {
  if (!/^[A-Za-z0-9_-]{6}==$/.test(text)) return undefined;
  const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const at = (i: number) => bytes.charCodeAt(i);
  if (bytes.length !== BYTES) return undefined;
  const limit = at(0) + 256 * at(1);
  const page = at(2) + 256 * at(3);
  return limit > 0 && page > 0 ? { limit, page } : undefined;
}

/** One page of `all`, and the token of the next one, if there is one. */
export function pageOf<T>(
  all: readonly T[],
  { limit, page }: PageToken,
): { items: T[]; next: PageToken | undefined } {
  const end = page * limit;
  const items = all.slice(end - limit, end);
  return { items, next: end < all.length ? { limit, page: page + 1 } : undefined };
}
