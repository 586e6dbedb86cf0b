/** What a machine tells at a discovery service: its name, and the addresses at which its fellow members reach it. */
export interface Registration {
  readonly name: string;
  readonly peerURLs: readonly string[];
}

/** Ten times what a name and a few URLs take. */
export const VALUE_CHARS_MAX = 4096;

/** A URL as etcd takes it in a list of members: with a port, without a path. */
const PEER_URL = /^https?:\/\/[^\s/,=?#@]+:\d{1,5}$/;

/** etcd's form, the one of its setting initial-cluster: `NAME=URL,NAME=URL`, sorted. */
export function formatRegistration({ name, peerURLs }: Registration): string {
  return peerURLs
    .map((url) => `${name}=${url}`)
    .toSorted()
    .join(",");
}

/** undefined when `value` is not of that form, or names more than one machine. */
export function parseRegistration(value: string): Registration | undefined {
  if (value.length > VALUE_CHARS_MAX) return undefined;
  let name: string | undefined;
  const peerURLs: string[] = [];
  for (const part of value.split(",")) {
    const equals = part.indexOf("=");
    const url = part.slice(equals + 1);
    name ??= part.slice(0, equals);
    if (equals < 1 || part.slice(0, equals) !== name || !PEER_URL.test(url)) return undefined;
    peerURLs.push(url);
  }
  return name === undefined || /\s/.test(name) ? undefined : { name, peerURLs };
}
