import * as v from "valibot";
import { Fault } from "#base/fault.ts";
import { assembleSettings, type Fragment } from "#base/settings.ts";
import { TLS_ENTRIES, TLS_SWITCHES } from "#cli/etcd2-tls.ts";
import type { Io } from "#cli/program.ts";
import { nearestWord } from "#unitfile/core/nearest-word.ts";

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

const Milliseconds = v.pipe(
  v.string(),
  v.regex(/^[1-9]\d{0,5}$/, "expected a number of milliseconds"),
  v.transform(Number),
);

const Switch = v.pipe(
  v.picklist(["true", "false"], "expected true or false"),
  v.transform((text) => text === "true"),
);

const Text = v.pipe(v.string(), v.nonEmpty("it is empty"));

/** `NAME=URL,NAME=URL…`; a name may come more than once. */
const Cluster = v.pipe(
  v.string(),
  v.check(
    (text) => text.split(",").every((part) => /^[^=\s]+=https?:\/\/[^/=]+\/*$/.test(part.trim())),
    "expected NAME=http://HOST:PORT[,NAME=http://HOST:PORT...]",
  ),
  v.transform((text): ReadonlyMap<string, readonly string[]> => {
    const members = new Map<string, string[]>();
    for (const part of text.split(",")) {
      const [name = "", url = ""] = part.trim().split("=");
      members.set(name, [...(members.get(name) ?? []), url.replace(/\/+$/, "")]);
    }
    return members;
  }),
);

const Schema = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[^,=\s]+$/, "expected a name without comma, = or space")),
  "data-dir": v.optional(v.pipe(v.string(), v.nonEmpty("expected a path"))),
  "listen-client-urls": Urls,
  "advertise-client-urls": v.optional(Urls),
  "listen-peer-urls": Urls,
  "initial-advertise-peer-urls": v.optional(Urls),
  "initial-cluster": v.optional(Cluster),
  "initial-cluster-state": v.picklist(["new", "existing"], "expected new or existing"),
  "initial-cluster-token": v.string(),
  discovery: v.optional(Text),
  "discovery-srv": v.optional(Text),
  "discovery-srv-name": v.optional(Text),
  "discovery-proxy": v.optional(Text),
  "discovery-fallback": v.picklist(["exit", "proxy"], "expected exit or proxy"),
  proxy: v.picklist(["off", "on", "readonly", "auto"], "expected off, on, readonly or auto"),
  "strict-reconfig-check": v.optional(Switch),
  "force-new-cluster": v.optional(Switch),
  "heartbeat-interval": v.optional(Milliseconds),
  "election-timeout": v.optional(Milliseconds),
  cors: v.optional(Origins, ""),
  log: v.picklist(["auto", "embedded", "etcd"], "expected auto, embedded or etcd"),
  "log-endpoints": v.optional(Urls),
  "log-prefix": v.pipe(v.string(), v.regex(/^\/[!-~]*[^/]$/, "expected a path such as /keelson")),
  "log-ca-file": v.optional(Text),
  "log-cert-file": v.optional(Text),
  "log-key-file": v.optional(Text),
  etcd: Text,
  ...TLS_ENTRIES,
});
export type Etcd2Values = v.InferOutput<typeof Schema>;

const NAMES = Object.keys(Schema.entries) as (keyof typeof Schema.entries)[];
const SWITCHES: ReadonlySet<string> = new Set([
  ...TLS_SWITCHES,
  "strict-reconfig-check",
  "force-new-cluster",
]);

/** etcd's settings that have no meaning here, so that what starts etcd starts this as well; true for switches. */
const IGNORED: Readonly<Record<string, boolean>> = {
  "auto-compaction-mode": false,
  "auto-compaction-retention": false,
  debug: true,
  "enable-pprof": true,
  "enable-v2": true,
  "initial-election-tick-advance": true,
  "log-level": false,
  "log-output": false,
  "log-outputs": false,
  "log-package-levels": false,
  logger: false,
  "max-request-bytes": false,
  "max-snapshots": false,
  "max-wals": false,
  metrics: false,
  "pre-vote": true,
  "proxy-dial-timeout": false,
  "proxy-failure-wait": false,
  "proxy-read-timeout": false,
  "proxy-refresh-interval": false,
  "proxy-write-timeout": false,
  "quota-backend-bytes": false,
  "snapshot-count": false,
  "wal-dir": false,
};

const DEFAULTS: Fragment = {
  from: "the defaults",
  values: {
    name: "default",
    "listen-client-urls": "http://localhost:2379",
    "listen-peer-urls": "http://localhost:2380",
    "initial-cluster-state": "new",
    "initial-cluster-token": "etcd-cluster",
    "discovery-fallback": "proxy",
    proxy: "off",
    log: "auto",
    "log-prefix": "/keelson",
    etcd: "etcd",
  },
};

/**
 * What flags and environment say, checked each by itself; and the names of those that have no meaning here.
 * @throws {Fault} USAGE for flags that are none, CONFIG_INVALID naming the setting and where it came from.
 */
export function readEtcd2Values(
  args: readonly string[],
  env: Io["env"],
): { readonly values: Etcd2Values; readonly ignored: readonly string[] } {
  const flags = readFlags(args);
  const environment = readEnvironment(env);
  const ignored = Object.keys(IGNORED).filter(
    (name) => flags[name] !== undefined || environment[name] !== undefined,
  );
  const known = ({ from, values }: Fragment): Fragment => ({
    from,
    values: Object.fromEntries(Object.entries(values).filter(([name]) => !(name in IGNORED))),
  });
  const values = assembleSettings(Schema, [
    DEFAULTS,
    known({ from: "the environment", values: environment }),
    known({ from: "the flags", values: flags }),
  ]);
  return { values, ignored };
}

function readEnvironment(env: Io["env"]): Record<string, string | undefined> {
  const values: Record<string, string | undefined> = {};
  for (const name of [...NAMES, ...Object.keys(IGNORED)]) {
    const variable =
      name === "etcd" ? "KEELSON_ETCD" : `ETCD_${name.replaceAll("-", "_").toUpperCase()}`;
    values[name] = env[variable] || undefined; // an empty variable is none, as for etcd
  }
  return values;
}

/** Go's form of flags: one dash or two, the value after = or as the next argument; a switch needs none. */
function readFlags(args: readonly string[]): Record<string, string> {
  const values: Record<string, string> = {};
  const names: readonly string[] = [...NAMES, ...Object.keys(IGNORED)];
  for (let at = 0; at < args.length; at++) {
    const [, name = "", given] = /^--?([a-z0-9-]+)(?:=([^]*))?$/.exec(args[at] ?? "") ?? [];
    if (!names.includes(name)) throw unknownFlag(args[at] ?? "", name, names);
    const isSwitch = SWITCHES.has(name) || IGNORED[name] === true;
    const value = given ?? (isSwitch ? "true" : args[++at]);
    if (value === undefined)
      throw new Fault("USAGE", `Cannot use --${name}: a value is missing; write --${name}=VALUE`);
    values[name] = value;
  }
  return values;
}

function unknownFlag(argument: string, name: string, names: readonly string[]): Fault {
  const near = nearestWord(name, names);
  const hint = near === undefined ? "see --help" : `did you mean --${near}?`;
  return new Fault("USAGE", `Cannot understand "${argument}": it is no flag of etcd2; ${hint}`);
}
