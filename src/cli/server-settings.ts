import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import * as v from "valibot";
import { Fault, reasonOf } from "#base/fault.ts";
import { type Address, parseTlsAddress } from "#base/listen.ts";
import { assembleSettings, type Fragment } from "#base/settings.ts";
import type { TlsFiles } from "#base/tls.ts";
import type { Io } from "#cli/program.ts";
import type { TokenStore } from "#discovery/run-discovery.ts";

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;

const text = v.pipe(v.string(), v.nonEmpty("it is empty"));
const urls = v.pipe(
  text,
  v.transform((list) => list.split(",").map((url) => url.trim().replace(/\/+$/, ""))),
);

const Schema = v.strictObject({
  listen: urls,
  url: v.optional(
    v.pipe(
      text,
      v.regex(/^https?:\/\/[^/?#\s]+$/, "expected http://HOST or https://HOST, without a path"),
    ),
  ),
  "data-dir": v.optional(text),
  "cert-file": v.optional(text),
  "key-file": v.optional(text),
  "discovery-etcd-endpoints": v.optional(urls),
  "discovery-ttl": v.pipe(
    text,
    v.regex(/^(?:0|[1-9]\d{0,8}[smhd])$/, "expected a time such as 7d, 12h, 30m or 90s, or 0"),
    v.transform((time) => Number.parseInt(time) * (SECONDS[time.at(-1) as "s"] ?? 0)),
  ),
  "discovery-takeover": v.picklist(["on", "off"], "expected on or off"),
  "discovery-new-per-hour": v.pipe(
    text,
    v.regex(/^\d{1,6}$/, "expected a number"),
    v.transform(Number),
  ),
});

const NAMES = Object.keys(Schema.entries) as (keyof typeof Schema.entries)[];

const DEFAULTS: Fragment = {
  from: "the defaults",
  values: {
    listen: "http://0.0.0.0:8080",
    "discovery-ttl": "7d",
    "discovery-takeover": "on",
    "discovery-new-per-hour": "0",
  },
};

export interface ServerSettings {
  readonly listen: readonly Address[];
  /** What its own URLs begin with; by default the host that a request names. */
  readonly url: string | undefined;
  /** For addresses that say https. */
  readonly tlsFiles: TlsFiles | undefined;
  readonly discovery: {
    readonly store: TokenStore;
    readonly ttlSeconds: number;
    readonly takesOver: boolean;
    readonly newPerHour: number;
  };
}

/**
 * Flags win over the environment, which wins over the file that --config names, which wins over the defaults.
 * @throws {Fault} USAGE for flags that are none, FILE_UNREADABLE, CONFIG_INVALID naming the setting and its origin
 */
export function readServerSettings(
  args: readonly string[],
  io: Pick<Io, "env" | "cwd">,
): ServerSettings {
  const { config, ...flags } = readFlags(args);
  const file = config ?? (io.env["SERVER_CONFIG"] || undefined);
  const settings = assembleSettings(Schema, [
    DEFAULTS,
    ...(file === undefined ? [] : [readFile(resolve(io.cwd, file))]),
    { from: "the environment", values: readEnvironment(io.env) },
    { from: "the flags", values: flags },
  ]);
  const listen = settings.listen.map(parseTlsAddress);
  const endpoints = settings["discovery-etcd-endpoints"];
  const dataDir = resolve(io.cwd, settings["data-dir"] ?? defaultDataDir(io.env));
  return {
    listen,
    url: settings.url,
    tlsFiles: readTlsFiles(settings, listen, io.cwd),
    discovery: {
      store: endpoints
        ? { kind: "etcd", endpoints }
        : { kind: "own", dataDir: join(dataDir, "discovery") },
      ttlSeconds: settings["discovery-ttl"],
      takesOver: settings["discovery-takeover"] === "on",
      newPerHour: settings["discovery-new-per-hour"],
    },
  };
}

function readTlsFiles(
  { "cert-file": certFile, "key-file": keyFile }: v.InferOutput<typeof Schema>,
  listen: readonly Address[],
  cwd: string,
): TlsFiles | undefined {
  const isSecure = listen.some((address) => address.kind === "tcp" && address.secure);
  const isHalf = (certFile === undefined) !== (keyFile === undefined);
  if (isHalf || isSecure !== (certFile !== undefined))
    throw new Fault(
      "CONFIG_INVALID",
      isSecure
        ? "Cannot listen with https: it needs a certificate; set cert-file and key-file"
        : "Cannot use cert-file and key-file: they belong together, with an address in listen that says https",
    );
  if (certFile === undefined || keyFile === undefined) return undefined;
  const files = { certFile: resolve(cwd, certFile), keyFile: resolve(cwd, keyFile) };
  return { ...files, caFiles: [], isClientCertRequired: false };
}

/** `name = value` on each line; `#` begins a comment, quotes around a value are none of it. */
function readFile(path: string): Fragment {
  let lines: readonly string[];
  try {
    lines = readFileSync(path, "utf8").split("\n");
  } catch (cause) {
    throw new Fault("FILE_UNREADABLE", `Cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
  const values: Record<string, string> = {};
  for (const [i, line] of lines.entries()) {
    if (/^\s*(?:#|;|$)/.test(line)) continue;
    const [, name = "", value = ""] = /^\s*([\w-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    const setting = name.replaceAll("_", "-");
    if (!NAMES.some((known) => known === setting))
      throw new Fault(
        "CONFIG_INVALID",
        `Cannot use line ${i + 1} of ${path}: expected NAME = VALUE with one of ${NAMES.join(", ")}`,
      );
    values[setting] = value.replace(/^(["'])(.*)\1$/, "$2");
  }
  return { from: path, values };
}

function readEnvironment(env: Io["env"]): Record<string, string | undefined> {
  const variable = (name: string) => `SERVER_${name.replaceAll("-", "_").toUpperCase()}`;
  // An empty variable is none.
  return Object.fromEntries(NAMES.map((name) => [name, env[variable(name)] || undefined]));
}

function readFlags(args: readonly string[]): Record<string, string | undefined> {
  const names = ["config", ...NAMES];
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" }] as const));
  try {
    return { ...parseArgs({ args: [...args], options, strict: true }).values };
  } catch (cause) {
    const [first] = reasonOf(cause).split(". ");
    throw new Fault("USAGE", `${first}; \`keelson server --help\` shows what it takes`, { cause });
  }
}

function defaultDataDir(env: Io["env"]): string {
  const root = env["KEELSON_ROOT"];
  return root ? join(root, "var/lib/keelson-server") : "keelson-server";
}
