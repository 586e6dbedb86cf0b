import { plainRefusal, type Refusal } from "./command.ts";

const URL_PARTS = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i;
const SCHEMES = new Set(["http", "https", "unix", "unixs"]);

/**
 * Peer URLs of a member, sorted.
 * @throws {Refusal} in the original's words.
 */
export function parsePeerUrls(texts: readonly string[]): string[] {
  return texts.map((text) => parsePeerUrl(text.trim())).toSorted();
}

function parsePeerUrl(text: string): string {
  if (/^[^a-z/][^/]*:/i.test(text))
    throw unparsed(text, "first path segment in URL cannot contain colon");
  const [, scheme = "", address = "", rest = ""] = URL_PARTS.exec(text) ?? [];
  if (!SCHEMES.has(scheme.toLowerCase()))
    throw plainRefusal(`URL scheme must be http, https, unix, or unixs: ${text}`);
  const port = /^(?:\[[^\]]*\]|[^:]*):(.*)$/.exec(address)?.[1];
  if (port === undefined)
    throw plainRefusal(`URL address does not have the form "host:port": ${text}`);
  if (!/^\d*$/.test(port)) throw unparsed(text, `invalid port ":${port}" after host`);
  if (rest.startsWith("/")) throw plainRefusal(`URL must not contain a path: ${text}`);
  return text;
}

function unparsed(text: string, why: string): Refusal {
  return plainRefusal(`parse ${JSON.stringify(text)}: ${why}`);
}
