import { ApiRefusal } from "./api-answer.ts";

/** Where the API is; the original answers at the older one too. */
const PREFIXES: readonly string[] = ["/fleet/v1", "/v1-alpha"];

/**
 * The path behind the prefix, taken apart and decoded.
 * @throws {ApiRefusal} 405 for the prefix itself, 404 for another path, 400 for one that is no percent-encoding
 */
export function segmentsOf(url: URL): string[] {
  const path = url.pathname.replaceAll(/\/{2,}/g, "/");
  if (path === "/" || PREFIXES.includes(path)) throw new ApiRefusal(405, "");
  const prefix = PREFIXES.find((each) => path.startsWith(`${each}/`));
  if (prefix === undefined) throw new ApiRefusal(404, "");
  try {
    return path
      .slice(prefix.length + 1)
      .split("/")
      .map(decodeURIComponent);
  } catch {
    throw new ApiRefusal(400, "the path is not a valid percent-encoding");
  }
}
