import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { parseAddress } from "#base/listen.ts";
import { assembleSettings, type Fragment } from "#base/settings.ts";
import { parseBytes, parseMillicores } from "#unitfile/core/quantity.ts";
import {
  API_EXEC,
  CONFIG_KEYS,
  type ConfigKey,
  type FleetConfig,
  isConfigKey,
  parseDurationMs,
  parseFleetConfig,
  parseList,
  parseMetadata,
  UNUSED_KEYS,
} from "./core/fleet-config.ts";
import { DEFAULT_KEY_PREFIX } from "./core/fleet-keys.ts";

const TTL_MIN_MS = 1_000; // the store counts whole seconds
const PAGE_MAX = 65_535; // page tokens hold 16 bits

const isTrue = (text: string) => /^(true|t|1|yes|on)$/i.test(text);
const flag = v.pipe(
  v.string(),
  v.regex(/^(true|t|1|yes|on|false|f|0|no|off|)$/i, "expected true or false"),
  v.transform(isTrue),
);
const duration = (minMs: number) =>
  v.pipe(
    v.string(),
    v.check(
      (text) => parseDurationMs(text) !== undefined,
      "expected a duration such as 6s or 500ms",
    ),
    v.transform((text) => parseDurationMs(text) ?? 0),
    v.minValue(minMs, `expected at least ${minMs} ms`),
  );
const addresses = v.pipe(
  v.string(),
  v.transform(parseList),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return dataset.value.map(parseAddress);
    } catch (error) {
      addIssue({ message: reasonOf(error) });
      return NEVER;
    }
  }),
);

/** An address that others cannot ask would have this machine pass for dead. */
function isReachable(text: string): boolean {
  if (text === "") return true;
  try {
    return parseAddress(text).kind === "tcp";
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}

const Schema = v.object({
  verbosity: v.pipe(v.string(), v.regex(/^[0-9]$/, "expected 0, 1 or 2"), v.transform(Number)),
  etcd_servers: v.pipe(
    v.string(),
    v.transform(parseList),
    v.minLength(1, "expected at least one URL"),
    v.checkItems(
      (url) => URL.canParse(url) && /^(https?|unix):$/.test(new URL(url).protocol),
      "expected URLs such as http://127.0.0.1:2379",
    ),
  ),
  etcd_request_timeout: duration(1),
  etcd_cafile: v.string(),
  etcd_keyfile: v.string(),
  etcd_certfile: v.string(),
  etcd_username: v.string(),
  etcd_password: v.string(),
  etcd_key_prefix: v.pipe(
    v.string(),
    v.regex(/^\/+[^/]/, "expected a key below /, such as /fleet"),
  ),
  public_ip: v.pipe(
    v.string(),
    v.check(
      (text) => text === "" || v.is(v.pipe(v.string(), v.ip()), text),
      "expected an IP address",
    ),
  ),
  metadata: v.pipe(
    v.string(),
    v.check((text) => parseMetadata(text) !== undefined, "expected KEY=VALUE,KEY=VALUE"),
    v.transform((text) => parseMetadata(text) ?? new Map<string, string>()),
  ),
  agent_ttl: duration(TTL_MIN_MS),
  engine_reconcile_interval: duration(100),
  token_limit: v.pipe(
    v.string(),
    v.regex(/^\d+$/, "expected a number"),
    v.transform(Number),
    v.minValue(1),
    v.maxValue(PAGE_MAX),
  ),
  disable_engine: flag,
  units_directory: v.pipe(v.string(), v.startsWith("/", "expected a path that begins with /")),
  api_listen: addresses,
  api_advertise: v.pipe(
    v.string(),
    v.check(isReachable, "expected where other machines reach this API, as http://HOST:PORT"),
  ),
  api_exec: v.picklist(API_EXEC, `expected ${API_EXEC.join(", ")}`),
  memory: v.pipe(
    v.string(),
    v.check(
      (text) => text === "" || parseBytes(text) !== undefined,
      "expected bytes such as 8G or 512M",
    ),
    v.transform(parseBytes),
  ),
  cpus: v.pipe(
    v.string(),
    v.check(
      (text) => text === "" || parseMillicores(text) !== undefined,
      "expected a number of cores such as 4 or 1.5",
    ),
    v.transform(parseMillicores),
  ),
});
export type FleetSettings = Readonly<v.InferOutput<typeof Schema>> & {
  /** Settings of the original's that were given and have no effect. */
  readonly unused: readonly ConfigKey[];
};

function defaultsFor(root: string): Record<ConfigKey, string> {
  return {
    verbosity: "0",
    etcd_servers: "http://127.0.0.1:2379,http://127.0.0.1:4001",
    etcd_request_timeout: "5.0",
    etcd_cafile: "",
    etcd_keyfile: "",
    etcd_certfile: "",
    etcd_username: "",
    etcd_password: "",
    etcd_key_prefix: DEFAULT_KEY_PREFIX,
    public_ip: "",
    metadata: "",
    agent_ttl: "6s",
    engine_reconcile_interval: "2",
    token_limit: "100",
    disable_engine: "false",
    disable_watches: "",
    enable_grpc: "",
    units_directory: join(root, "run/fleet/units"),
    systemd_user: "",
    verify_units: "",
    authorized_keys_file: "",
    api_listen: `unix://${join(root, "run/fleet.sock")}`,
    api_advertise: "",
    api_exec: "cluster",
    memory: "",
    cpus: "",
  };
}

export interface SettingsSources {
  /** The machine's root directory. */
  readonly root: string;
  /** Given on the command line; then it has to be there. */
  readonly configFile: string | undefined;
  readonly flags: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws {Fault} CONFIG_INVALID, FILE_UNREADABLE */
export async function readFleetSettings(sources: SettingsSources): Promise<FleetSettings> {
  const { root, configFile, flags, env } = sources;
  const path = configFile ?? join(root, "etc/fleet/fleet.conf");
  const file = await readConfigFile(path, configFile !== undefined);
  const fromEnv = CONFIG_KEYS.map((key) => [key, env[`FLEET_${key.toUpperCase()}`]] as const);
  const unknown = Object.keys(flags).find((name) => !isConfigKey(name));
  if (unknown !== undefined)
    throw new Fault("USAGE", `Cannot use --${unknown}: there is no such flag; see fleetd --help`);
  const fragments: Fragment[] = [
    { from: "the defaults", values: defaultsFor(root) },
    { from: path, ...file },
    { from: "the environment", values: Object.fromEntries(fromEnv) },
    { from: "the command line", values: flags },
  ];
  const given = Object.assign({}, ...fragments.map(({ values }) => defined(values))) as Record<
    ConfigKey,
    string
  >;
  const unused = UNUSED_KEYS.filter((key) => !/^(false|f|0|no|off|)$/i.test(given[key]));
  return { ...assembleSettings(Schema, fragments), unused };
}

function defined(values: Fragment["values"]): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}

async function readConfigFile(path: string, isNeeded: boolean): Promise<FleetConfig> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (isErrno(cause, "ENOENT") && !isNeeded) return { values: {}, lines: new Map() };
    throw new Fault("FILE_UNREADABLE", `Cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
  return parseFleetConfig(text, path);
}
