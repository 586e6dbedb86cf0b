import type { MachineFacts } from "./machine-facts.ts";
import { error, type Problem } from "./problem.ts";
import { child, type Tree } from "./tree.ts";

/** Stands for the backslash of `\$public_ipv4` while YAML, to which it would be a bad escape, is parsed. */
const ESCAPE = "\uE000";

const ADDRESS = /(\uE000?)\$(public|private)_ipv([46])/g;
const HOSTNAME = /\$hostname(?![A-Za-z0-9_])/g;
/** Where `$hostname`, which the original does not have, is replaced: not in scripts, where it is a shell's variable. */
const HOSTNAME_PLACE = /^coreos\.(etcd|etcd2|flannel|fleet|locksmith|update)\./;

/** To be called on the text before it is parsed; `substitute` puts the dollar sign back. */
export function markEscapes(text: string): string {
  return text.replace(/\\(?=\$(?:public|private)_ipv[46])/g, ESCAPE);
}

/**
 * Replaces `$public_ipv4`, `$private_ipv4`, their `_ipv6` kind and `$hostname` in every text of the tree; one that is
 * not known on this machine is a problem.
 */
export function substitute(
  tree: Tree,
  facts: MachineFacts,
): { readonly tree: Tree; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const named = child(tree, "hostname");
  const hostname =
    (named?.kind === "text" ? named.text : undefined) ?? facts.hostname ?? facts.currentHostname;

  const replace = (text: string, line: number, key: string): string => {
    const withAddresses = text.replace(ADDRESS, (found, escape, scope, version) => {
      if (escape !== "") return found.slice(ESCAPE.length);
      const known = facts[`${scope}Ipv${version}` as AddressFact];
      if (known !== undefined) return known;
      const variable = `COREOS_${found.slice(1).toUpperCase()}`;
      problems.push(
        error(
          line,
          key,
          `${found} is not known on this machine; set ${variable} in /etc/environment, or write the address itself`,
        ),
      );
      return found;
    });
    if (!HOSTNAME_PLACE.test(key)) return withAddresses;
    return withAddresses.replace(HOSTNAME, (found) => {
      if (hostname !== undefined) return hostname;
      problems.push(
        error(
          line,
          key,
          "$hostname is not known on this machine; give the cloud-config a hostname",
        ),
      );
      return found;
    });
  };

  return { tree: mapTexts(tree, "", replace), problems };
}

type AddressFact = "publicIpv4" | "publicIpv6" | "privateIpv4" | "privateIpv6";

function mapTexts(
  tree: Tree,
  key: string,
  replace: (text: string, line: number, key: string) => string,
): Tree {
  switch (tree.kind) {
    case "text":
      return { ...tree, text: replace(tree.text, tree.line, key) };
    case "list":
      return {
        ...tree,
        items: tree.items.map((item, i) => mapTexts(item, `${key}[${i}]`, replace)),
      };
    case "map":
      return {
        ...tree,
        entries: tree.entries.map((entry) => ({
          ...entry,
          value: mapTexts(entry.value, key === "" ? entry.key : `${key}.${entry.key}`, replace),
        })),
      };
    case "null":
    case "bytes":
      return tree;
    default:
      return tree satisfies never;
  }
}
