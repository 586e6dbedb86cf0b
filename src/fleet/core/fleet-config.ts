import { Fault } from "#base/fault.ts";

/** Every key of fleet.conf, as the original spells them; ours are the last five. */
export const CONFIG_KEYS = [
  "verbosity",
  "etcd_servers",
  "etcd_request_timeout",
  "etcd_cafile",
  "etcd_keyfile",
  "etcd_certfile",
  "etcd_username",
  "etcd_password",
  "etcd_key_prefix",
  "public_ip",
  "metadata",
  "agent_ttl",
  "engine_reconcile_interval",
  "token_limit",
  "disable_engine",
  "disable_watches",
  "enable_grpc",
  "units_directory",
  "systemd_user",
  "verify_units",
  "authorized_keys_file",
  "api_listen",
  "api_advertise",
  "api_exec",
  "memory",
  "cpus",
] as const;
export type ConfigKey = (typeof CONFIG_KEYS)[number];

/** For whom a daemon runs commands: those on machines of the cluster, everybody who reaches its API, or nobody. */
export const API_EXEC = ["cluster", "all", "none"] as const;
export type ApiExec = (typeof API_EXEC)[number];

export function isConfigKey(text: string): text is ConfigKey {
  return CONFIG_KEYS.some((key) => key === text);
}

/** Keys of the original's that mean nothing here; what they ask for is told not to happen. */
export const UNUSED_KEYS = [
  "disable_watches",
  "enable_grpc",
  "systemd_user",
  "verify_units",
  "authorized_keys_file",
] as const satisfies readonly ConfigKey[];

/** What a fleet.conf says, and in which lines; of a key that is there twice the last one counts. */
export interface FleetConfig {
  readonly values: Readonly<Partial<Record<ConfigKey, string>>>;
  readonly lines: ReadonlyMap<string, number>;
}

/**
 * Reads a fleet.conf: one `key=value` a line, values in quotes or not, `#` and `;` before comments.
 * @throws {Fault} CONFIG_INVALID with file, line and key
 */
export function parseFleetConfig(text: string, file: string): FleetConfig {
  const values: Partial<Record<ConfigKey, string>> = {};
  const lines = new Map<string, number>();
  for (const [i, whole] of text.split("\n").entries()) {
    const line = whole.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const at = line.indexOf("=");
    const key = line.slice(0, at).trim();
    if (at === -1)
      throw invalid(file, i + 1, `"${line}" is no key=value line; write one, or put # before it`);
    if (!isConfigKey(key))
      throw invalid(
        file,
        i + 1,
        `there is no setting ${key}; expected one of ${CONFIG_KEYS.join(", ")}`,
      );
    values[key] = unquote(line.slice(at + 1).trim());
    lines.set(key, i + 1);
  }
  return { values, lines };
}

/** The value without the quotes around it; a backslash takes the next character as it is. */
function unquote(text: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(text) ?? /^'([^']*)'/.exec(text);
  return quoted?.[1] === undefined ? text : quoted[1].replace(/\\(.)/g, "$1");
}

/** The items of `["a", "b"]`, or of `a,b`. */
export function parseList(text: string): string[] {
  return text
    .trim()
    .replace(/^\[|\]$/g, "")
    .split(",")
    .map((item) => unquote(item.trim()))
    .filter((item) => item !== "");
}

/** `k=v,k2=v2`; undefined when an item is not a pair. */
export function parseMetadata(text: string): Map<string, string> | undefined {
  const metadata = new Map<string, string>();
  for (const item of text.split(",")) {
    if (item.trim() === "") continue;
    const [, key, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(item) ?? [];
    if (key === undefined || !value) return undefined;
    metadata.set(key, value);
  }
  return metadata;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `1m30s`, as Go writes durations, or of a plain number of seconds; undefined when it is neither. */
export function parseDurationMs(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1_000;
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g);
  return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!, 0);
}

function invalid(file: string, line: number, is: string): Fault {
  return new Fault("CONFIG_INVALID", `Cannot use ${file}, line ${line}: ${is}`, {
    facts: { file, line },
  });
}
