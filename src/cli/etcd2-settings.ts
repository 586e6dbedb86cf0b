import { join, resolve } from "node:path";
import * as v from "valibot";
import { Fault } from "#base/fault.ts";
import { type Address, parseTlsAddress } from "#base/listen.ts";
import { assembleSettings, type Fragment } from "#base/settings.ts";
import { readTlsSettings, TLS_ENTRIES, TLS_SWITCHES, type TlsSettings } from "#cli/etcd2-tls.ts";
import type { Io } from "#cli/program.ts";

/** A list of URLs as a flag gives it, parted by commas. */
const Urls = v.pipe(
  v.string(),
  v.transform((text) => text.split(",").map((url) => url.trim().replace(/\/+$/, ""))),
  v.check(
    (urls) => urls.every((url) => /^(https?:\/\/[^/]+|unix:\/\/.+)$/.test(url)),
    "expected http://HOST:PORT, https://HOST:PORT or unix://PATH, with commas between them",
  ),
);

/** `*` or origins as a browser sends them. */
const Origins = v.pipe(
  v.string(),
  v.transform((text) => text.split(",").map((origin) => origin.trim())),
  v.transform((origins) => origins.filter((origin) => origin !== "")),
  v.check(
    (origins) => origins.every((origin) => origin === "*" || URL.canParse(origin)),
    "expected * or origins such as http://example.org:8080, with commas between them",
  ),
);

const Schema = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[^,=\s]+$/, "expected a name without comma, = or space")),
  "data-dir": v.optional(v.pipe(v.string(), v.nonEmpty("expected a path"))),
  "listen-client-urls": Urls,
  "advertise-client-urls": v.optional(Urls),
  "listen-peer-urls": Urls,
  "initial-advertise-peer-urls": v.optional(Urls),
  "initial-cluster": v.optional(v.string()),
  "initial-cluster-state": v.picklist(["new", "existing"], "expected new or existing"),
  "initial-cluster-token": v.string(),
  discovery: v.optional(v.string()),
  proxy: v.picklist(["off", "on", "readonly", "auto"], "expected off, on, readonly or auto"),
  cors: v.optional(Origins, ""),
  ...TLS_ENTRIES,
});

const NAMES = Object.keys(Schema.entries) as (keyof typeof Schema.entries)[];

const DEFAULTS: Fragment = {
  from: "the defaults",
  values: {
    name: "default",
    "listen-client-urls": "http://localhost:2379",
    "listen-peer-urls": "http://localhost:2380",
    "initial-cluster-state": "new",
    "initial-cluster-token": "etcd-cluster",
    proxy: "off",
  },
};

/** What `keelson etcd2` shall be: a member of the store, or a proxy to its members. */
export type Etcd2Settings = Common &
  (
    | {
        readonly role: "member";
        readonly name: string;
        readonly listenPeer: readonly Address[];
        readonly clientURLs: readonly string[];
        readonly peerURLs: readonly string[];
        readonly token: string;
        readonly isJoining: boolean;
      }
    | {
        readonly role: "proxy";
        /** Peer URLs of the members. */
        readonly peers: readonly string[];
        readonly isReadonly: boolean;
      }
  );

interface Common {
  readonly dataDir: string;
  readonly listenClient: readonly Address[];
  readonly listenClientUrls: readonly string[];
  readonly listenPeerUrls: readonly string[];
  /** Origins of web pages that may use the store. */
  readonly cors: readonly string[];
  readonly tls: { readonly client: TlsSettings; readonly peer: TlsSettings };
}

/** @throws {Fault} USAGE for flags that are none, CONFIG_INVALID naming the setting and where it came from. */
export function readEtcd2Settings(
  args: readonly string[],
  io: Pick<Io, "env" | "cwd">,
): Etcd2Settings {
  const settings = assembleSettings(Schema, [
    DEFAULTS,
    { from: "the environment", values: readEnvironment(io.env) },
    { from: "the flags", values: readFlags(args) },
  ]);
  const { name, proxy, discovery } = settings;
  if (discovery)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot find the cluster at ${discovery}: discovery is not built yet; name the members with initial-cluster`,
    );
  const listenPeerUrls = settings["listen-peer-urls"];
  const ownPeerUrls = settings["initial-advertise-peer-urls"] ?? listenPeerUrls;
  const cluster = readCluster(settings["initial-cluster"]) ?? new Map([[name, ownPeerUrls]]);
  const listenClientUrls = settings["listen-client-urls"];
  const isMember = proxy === "off" || (proxy === "auto" && cluster.has(name));
  const { cwd } = io;
  const common: Common = {
    dataDir: resolve(cwd, settings["data-dir"] ?? defaultDataDir(name, io.env)),
    listenClient: listenClientUrls.map(parseTlsAddress),
    listenClientUrls,
    listenPeerUrls,
    cors: settings.cors,
    tls: {
      client: readTlsSettings(settings, "client", { listenUrls: listenClientUrls, cwd }),
      peer: readTlsSettings(settings, "peer", { listenUrls: isMember ? listenPeerUrls : [], cwd }),
    },
  };
  if (!isMember)
    return {
      ...common,
      role: "proxy",
      peers: [...cluster.values()].flat(),
      isReadonly: proxy === "readonly",
    };
  checkOwnPlace(name, cluster, settings["initial-advertise-peer-urls"]);
  return {
    ...common,
    role: "member",
    name,
    listenPeer: listenPeerUrls.map(parseTlsAddress),
    clientURLs: settings["advertise-client-urls"] ?? reachable(listenClientUrls),
    peerURLs: cluster.get(name) ?? ownPeerUrls,
    token: settings["initial-cluster-token"],
    isJoining: settings["initial-cluster-state"] === "existing",
  };
}

function readEnvironment(env: Io["env"]): Record<string, string | undefined> {
  const values: Record<string, string | undefined> = {};
  for (const name of NAMES) {
    // An empty variable is none, as for etcd.
    const value = env[`ETCD_${name.replaceAll("-", "_").toUpperCase()}`] || undefined;
    values[name] = value;
  }
  return values;
}

/** Go's form of flags: one dash or two, the value after = or as the next argument; a switch needs none. */
function readFlags(args: readonly string[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (let at = 0; at < args.length; at++) {
    const parts = /^--?([a-z-]+)(?:=([^]*))?$/.exec(args[at] ?? "");
    const name = NAMES.find((known) => known === parts?.[1]);
    if (name === undefined)
      throw new Fault(
        "USAGE",
        `Cannot understand "${args[at]}": expected flags of ${NAMES.map((known) => `--${known}`).join(", ")}`,
      );
    const value = parts?.[2] ?? (TLS_SWITCHES.has(name) ? "true" : args[++at]);
    if (value === undefined)
      throw new Fault("USAGE", `Cannot use --${name}: a value is missing; write --${name}=VALUE`);
    values[name] = value;
  }
  return values;
}

/** `NAME=URL,NAME=URL…`; a name may come more than once. */
function readCluster(text: string | undefined): Map<string, string[]> | undefined {
  if (text === undefined || text === "") return undefined;
  const members = new Map<string, string[]>();
  for (const part of text.split(",")) {
    const [name, url, ...more] = part.trim().split("=");
    if (!name || !url || more.length > 0 || !/^https?:\/\/[^/]+\/*$/.test(url))
      throw new Fault(
        "CONFIG_INVALID",
        `Cannot use initial-cluster: "${part}" is not NAME=http://HOST:PORT`,
      );
    members.set(name, [...(members.get(name) ?? []), url.replace(/\/+$/, "")]);
  }
  return members;
}

function checkOwnPlace(
  name: string,
  cluster: ReadonlyMap<string, readonly string[]>,
  advertised: readonly string[] | undefined,
): void {
  const own = cluster.get(name);
  if (own === undefined)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot start as a member: initial-cluster names ${[...cluster.keys()].join(", ")} but not this name, ${name}; correct it, or set proxy to on`,
    );
  if (cluster.size > 1)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot start with ${cluster.size} members: initial-cluster may name one so far, the others can be proxies (proxy=auto)`,
    );
  if (advertised && advertised.toSorted().join() !== own.toSorted().join())
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot start as ${name}: initial-cluster has ${own.join(", ")} for it but initial-advertise-peer-urls is ${advertised.join(", ")}; make them equal`,
    );
}

function defaultDataDir(name: string, env: Io["env"]): string {
  const root = env["KEELSON_ROOT"];
  return root ? join(root, "var/lib/etcd2") : `${name}.etcd`;
}

/** The addresses listened on are told to clients, unless they stand for all of the machine's. */
function reachable(listenUrls: readonly string[]): readonly string[] {
  const wildcard = listenUrls.find((url) => /^https?:\/\/(0\.0\.0\.0|\[::\])(:|$)/.test(url));
  if (wildcard === undefined) return listenUrls;
  throw new Fault(
    "CONFIG_INVALID",
    `Cannot tell clients where to come: listen-client-urls has ${wildcard}, which is no address; set advertise-client-urls`,
  );
}
