import type { MachineFacts } from "./machine-facts.ts";
import { parseTree } from "./parse-tree.ts";
import { describeProblem } from "./problem.ts";
import { substitute } from "./substitute.ts";
import { markEscapes } from "./template-mode.ts";
import type { Tree } from "./tree.ts";

/** A machine with one fact of every kind. */
export const FACTS: MachineFacts = {
  hostname: "node7",
  privateIpv4: "10.0.0.7",
  metadata: { role: "store", rack: "r 2", index: "7", peers: "a+b+c", "disk-type": "ssd" },
  system: {
    machineId: "0123456789abcdef0123456789abcdef",
    architecture: "x86_64",
    kernel: "6.1.0",
    cpus: 4,
    memoryMib: 2048,
    hardware: { vendor: "ACME" },
    os: { id: "debian", version_id: "12" },
    interfaces: [
      {
        name: "eth0",
        mac: "00:00:5e:00:53:07",
        ipv4: [
          { address: "192.0.2.7", prefixLength: 24 },
          { address: "198.51.100.7", prefixLength: 25 },
        ],
        ipv6: [{ address: "2001:db8::7", prefixLength: 64 }],
      },
      { name: "eth0.100", mac: "00:00:5e:00:53:07", ipv4: [], ipv6: [] },
    ],
    defaultRoute: { interface: "eth0", gateway: "192.0.2.254" },
    reverseNames: { "192.0.2.7": "core-07.example.com" },
  },
};

export const HEADER = "#cloud-config\n## template: keelson\n";

/** The tree of a template's YAML, everything filled in, as plain values. */
export function rendered(yaml: string, facts = FACTS) {
  const text = HEADER + yaml;
  const parsed = parseTree(markEscapes(text));
  if (parsed.tree === undefined) throw new Error(parsed.problems.map(describeProblem).join("\n"));
  const { tree, problems } = substitute(parsed.tree, facts, text);
  return { value: plain(tree), problems: problems.map(describeProblem) };
}

/** A tree as plain values. */
export function plain(tree: Tree): unknown {
  if (tree.kind === "text") return tree.text;
  if (tree.kind === "list") return tree.items.map(plain);
  if (tree.kind !== "map") return null;
  return Object.fromEntries(tree.entries.map(({ key, value }) => [key, plain(value)]));
}

/** What one expression gives; it has to have no problems. */
export function evaluated(expression: string, facts = FACTS): unknown {
  const { value, problems } = rendered(`x: |-\n  ${expression}`, facts);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return (value as Readonly<Record<string, unknown>>)["x"];
}
