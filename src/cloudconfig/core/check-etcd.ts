import type { MachineFacts } from "./machine-facts.ts";
import { type Problem, warning } from "./problem.ts";
import { at, child, type Tree, textOf } from "./tree.ts";

/** What is amiss with the settings of etcd and of what speaks to it. */
export function checkEtcd(tree: Tree, facts: MachineFacts): readonly Problem[] {
  const coreos = child(tree, "coreos");
  return [
    ...checkBoth(coreos),
    ...checkCombinations(coreos),
    ...checkMembers(coreos, facts),
    ...checkUrls(coreos),
  ];
}

function checkBoth(coreos: Tree | undefined): readonly Problem[] {
  const [first, second] = [child(coreos, "etcd"), child(coreos, "etcd2")];
  if (first?.kind !== "map" || second?.kind !== "map") return [];
  const advice = "both want the same ports; leave out coreos.etcd, which is for etcd 0.4";
  return [warning(first.line, "coreos.etcd", `stands beside coreos.etcd2: ${advice}`)];
}

/** Ways to find the first members; etcd 2 ends at its start when it is given more than one. */
const BOOTSTRAPS = ["discovery", "discovery_srv", "initial_cluster"] as const;

function checkCombinations(coreos: Tree | undefined): readonly Problem[] {
  const etcd2 = child(coreos, "etcd2");
  const problems: Problem[] = [];
  const [first, ...rest] = BOOTSTRAPS.filter((name) => textOf(child(etcd2, name)));
  for (const name of rest)
    problems.push(
      tell(
        etcd2,
        name,
        `stands beside ${first}: etcd refuses to start with more than one way to find its cluster; leave one out`,
      ),
    );
  const proxy = textOf(child(etcd2, "proxy"));
  if (proxy === "on" || proxy === "readonly")
    for (const name of ["listen_peer_urls", "initial_advertise_peer_urls"])
      if (textOf(child(etcd2, name)))
        problems.push(
          tell(
            etcd2,
            name,
            `has no effect with proxy: ${proxy}, for a proxy has no peers; leave it out`,
          ),
        );
  if (
    textOf(child(etcd2, "listen_client_urls")) &&
    !textOf(child(etcd2, "advertise_client_urls")) &&
    proxy === undefined
  )
    problems.push(
      tell(
        etcd2,
        "listen_client_urls",
        "has no advertise_client_urls beside it, without which a genuine etcd refuses to start; give both",
      ),
    );
  return problems;
}

function checkMembers(coreos: Tree | undefined, facts: MachineFacts): readonly Problem[] {
  const etcd2 = child(coreos, "etcd2");
  const cluster = textOf(child(etcd2, "initial_cluster"));
  const name = textOf(child(etcd2, "name"));
  const proxy = textOf(child(etcd2, "proxy")) ?? "off";
  if (!cluster) return [];
  const members = cluster.split(",").map((member) => member.trim());
  const odd = members.find((member) => !/^[^=\s]+=\S+$/.test(member));
  if (odd !== undefined)
    return [
      tell(
        etcd2,
        "initial_cluster",
        `has "${odd}"; expected NAME=PEER-URL, several with commas between`,
      ),
    ];
  const names = members.map((member) => member.replace(/=.*/, ""));
  if (proxy !== "off" || names.includes(name ?? "default")) return [];
  // Which machine it will be is not known: its name stands for that of each.
  if (facts.isExample && name === (facts.hostname ?? facts.currentHostname)) return [];
  const isCalled =
    name === undefined
      ? "this machine has no name here, so it is called default"
      : `this machine is called ${name}`;
  return [
    tell(
      etcd2,
      "initial_cluster",
      `has ${names.join(", ")}, and ${isCalled}: etcd refuses to start; add it or change the name`,
    ),
  ];
}

/** Keys that hold one URL, or several with commas between. */
const URLS: Readonly<Record<string, readonly string[]>> = {
  etcd2: [
    "advertise_client_urls",
    "discovery",
    "discovery_proxy",
    "initial_advertise_peer_urls",
    "listen_client_urls",
    "listen_peer_urls",
  ],
  fleet: ["etcd_servers"],
  flannel: ["etcd_endpoints"],
  locksmith: ["endpoint"],
  update: ["server"],
};

function checkUrls(coreos: Tree | undefined): readonly Problem[] {
  return Object.entries(URLS).flatMap(([section, names]) =>
    names.flatMap((name) => {
      const value = at(coreos, section, name);
      const text = textOf(value);
      if (value === undefined || !text || (section === "update" && text === "disabled")) return [];
      const wrong = text
        .split(",")
        .map((url) => whatIsWrong(url.trim(), name))
        .find(Boolean);
      return wrong === undefined ? [] : [warning(value.line, `coreos.${section}.${name}`, wrong)];
    }),
  );
}

function whatIsWrong(url: string, name: string): string | undefined {
  if (/<[^>]*>|\bTOKEN\b|\.\.\.|…/.test(url))
    return `is "${url}", with a place that was to be filled in; ask a discovery service for a token: curl URL/new?size=3`;
  if (url.startsWith("$")) return undefined; // whoever makes the machine fills it in
  if (/^unixs?:\/\/./.test(url)) return undefined;
  if (!/^https?:\/\//.test(url))
    return `has "${url}"; expected a URL that begins with http:// or https://`;
  if (!URL.canParse(url) || /\s/.test(url))
    return `has "${url}", which is no URL; expected http://HOST:PORT`;
  const { hostname } = new URL(url);
  if (/advertise/.test(name) && /^(?:0\.0\.0\.0|\[::\])$/.test(hostname))
    return `has "${url}", which others cannot reach; write the machine's address, such as http://$private_ipv4:2379`;
  return undefined;
}

function tell(section: Tree | undefined, name: string, message: string): Problem {
  return warning(child(section, name)?.line ?? 1, `coreos.etcd2.${name}`, message);
}
