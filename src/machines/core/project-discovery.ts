import { isMap, isNode, isScalar, parseDocument, type YAMLMap } from "yaml";

/**
 * A cloud-config with `discovery:` of its etcd2 (or etcd) set, as coreos-vagrant's config.rb did, all else as written.
 * Other user-data, and a cloud-config without etcd, comes back unchanged.
 */
export function setDiscovery(userData: string, url: string): string {
  if (!/^#cloud-config\s*$/m.test(userData.split("\n", 1)[0] ?? "")) return userData;
  const document = parseDocument(userData, { schema: "failsafe", logLevel: "silent" });
  const changes = ["etcd2", "etcd"].flatMap((daemon) => {
    const settings: unknown = document.getIn(["coreos", daemon], true);
    return isMap(settings) ? [change(settings, userData, url)] : [];
  });
  return changes
    .toSorted((a, b) => b.from - a.from)
    .reduce((text, { from, to, by }) => text.slice(0, from) + by + text.slice(to), userData);
}

interface Change {
  readonly from: number;
  readonly to: number;
  readonly by: string;
}

function change(settings: YAMLMap, text: string, url: string): Change {
  const given = settings.items.find(({ key }) => isScalar(key) && key.value === "discovery");
  if (given !== undefined) {
    const keyEnd = isNode(given.key) ? (given.key.range?.[1] ?? 0) : 0;
    const range = isNode(given.value) ? given.value.range : undefined;
    const isEmpty = !range || range[0] === range[1];
    const colon = text.indexOf(":", keyEnd) + 1;
    return isEmpty
      ? { from: colon, to: colon, by: ` ${url}` }
      : { from: range[0], to: range[1], by: url };
  }
  const first = settings.items[0]?.key;
  const start = isNode(first) ? (first.range?.[0] ?? 0) : (settings.range?.[0] ?? 0) + 1; // behind `{`
  if (settings.flow === true) {
    const more = settings.items.length > 0 ? ", " : "";
    return { from: start, to: start, by: `discovery: "${url}"${more}` };
  }
  const indent = " ".repeat(start - (text.lastIndexOf("\n", start - 1) + 1));
  return { from: start, to: start, by: `discovery: ${url}\n${indent}` };
}
