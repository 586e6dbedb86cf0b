/** What etcd says of a request for `/v2/members` that it cannot read. */
export interface Unreadable {
  readonly message: string;
}

const MEMBER_ID = /^[0-9a-fA-F]+$/;
/** What the body is read into in etcd, which says so. */
const GO_TYPE = 'struct { PeerURLs []string "json:\\"peerURLs\\"" }';
const ID_MAX = 2n ** 64n - 1n;
const HOST_AND_PORT = /^(?:\[[^\]]*\]|[^:[\]]*):([^:]*)$/;

/** A member's id as it stands in a path, in the form of answers; undefined when it is none. */
export function parseMemberId(text: string): string | undefined {
  if (!MEMBER_ID.test(text)) return undefined;
  const id = BigInt(`0x${text}`);
  return id > ID_MAX ? undefined : id.toString(16);
}

/** The peer URLs in the body of a request that adds or changes a member, sorted. */
export function parsePeerUrls(body: string): readonly string[] | Unreadable {
  let request: unknown;
  try {
    request = JSON.parse(body);
  } catch {
    return { message: syntaxMessage(body) };
  }
  const urls = fieldOf(request, "peerURLs");
  if (typeof request !== "object" || Array.isArray(request))
    return {
      message: `json: cannot unmarshal ${kindOf(request)} into Go value of type ${GO_TYPE}`,
    };
  if (urls === undefined || urls === null) return { message: "no valid URLs given" };
  if (!Array.isArray(urls)) return mistyped(urls, "[]string");
  const other = (urls as unknown[]).find((url) => typeof url !== "string");
  return other === undefined ? checkPeerUrls(urls as string[]) : mistyped(other, "string");
}

/** Peer URLs sorted, as etcd keeps them; or what it says of the first that cannot be one. */
export function checkPeerUrls(urls: readonly string[]): readonly string[] | Unreadable {
  const texts = urls.map((url) => url.trim());
  if (texts.length === 0) return { message: "no valid URLs given" };
  for (const text of texts) {
    const wrong = urlMistake(text);
    if (wrong !== undefined) return { message: wrong };
  }
  return texts.toSorted();
}

/** Why etcd takes no member at this URL. */
function urlMistake(url: string): string | undefined {
  const unparsed = (why: string) => `parse ${JSON.stringify(url)}: ${why}`;
  if (/^[^a-z/][^/]*:/i.test(url))
    return unparsed("first path segment in URL cannot contain colon");
  const [, scheme, rest = ""] = /^([a-zA-Z][a-zA-Z0-9+.-]*):(.*)$/s.exec(url) ?? [];
  if (scheme === undefined || !/^(https?|unixs?)$/i.test(scheme))
    return `URL scheme must be http, https, unix, or unixs: ${url}`;
  const [, host = "", path = ""] = /^\/\/([^/?#]*)([^?#]*)/.exec(rest) ?? [];
  const [, port] = HOST_AND_PORT.exec(host) ?? [];
  if (port === undefined) return `URL address does not have the form "host:port": ${url}`;
  if (!/^\d*$/.test(port)) return unparsed(`invalid port ":${port}" after host`);
  return path === "" ? undefined : `URL must not contain a path: ${url}`;
}

/** Go finds the field of a struct by its name in any case. */
function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  const found = Object.entries(value).findLast(([key]) => key.toLowerCase() === name.toLowerCase());
  return found?.[1];
}

function mistyped(value: unknown, type: string): Unreadable {
  return {
    message: `json: cannot unmarshal ${kindOf(value)} into Go struct field .peerURLs of type ${type}`,
  };
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value;
}

/** Close to what Go's decoder says; exact where a value does not even begin. */
function syntaxMessage(body: string): string {
  const first = body.trimStart()[0];
  if (first === undefined || /["{[\]}0-9tfn-]/.test(first)) return "unexpected end of JSON input";
  return `invalid character '${first}' looking for beginning of value`;
}
