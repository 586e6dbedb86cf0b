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
  "data-dir": v.optional(text),
  "etcd-endpoints": v.optional(urls),
  url: v.optional(
    v.pipe(
      text,
      v.regex(/^https?:\/\/[^/?#\s]+(?:\/[^?#\s]*)?$/, "expected http://HOST or https://HOST"),
      v.transform((url) => url.replace(/\/+$/, "")),
    ),
  ),
  "cert-file": v.optional(text),
  "key-file": v.optional(text),
  ttl: v.pipe(
    text,
    v.regex(/^(?:0|[1-9]\d{0,8}[smhd])$/, "expected a time such as 7d, 12h, 30m or 90s, or 0"),
    v.transform((time) => Number.parseInt(time) * (SECONDS[time.at(-1) as "s"] ?? 0)),
  ),
  takeover: v.picklist(["on", "off"], "expected on or off"),
  "new-per-hour": v.pipe(text, v.regex(/^\d{1,6}$/, "expected a number"), v.transform(Number)),
});

const NAMES = Object.keys(Schema.entries) as (keyof typeof Schema.entries)[];

const DEFAULTS: Fragment = {
  from: "the defaults",
  values: { listen: "http://0.0.0.0:8087", ttl: "7d", takeover: "on", "new-per-hour": "0" },
};

export interface DiscoverySettings {
  readonly listen: readonly Address[];
  readonly store: TokenStore;
  /** For addresses that say https. */
  readonly tlsFiles: TlsFiles | undefined;
  readonly url: string | undefined;
  readonly ttlSeconds: number;
  readonly takesOver: boolean;
  readonly newPerHour: number;
}

/** @throws {Fault} USAGE for flags that are none, CONFIG_INVALID naming the setting and where it came from. */
export function readDiscoverySettings(
  args: readonly string[],
  io: Pick<Io, "env" | "cwd">,
): DiscoverySettings {
  const settings = assembleSettings(Schema, [
    DEFAULTS,
    { from: "the environment", values: readEnvironment(io.env) },
    { from: "the flags", values: readFlags(args) },
  ]);
  const { listen, url, ttl, takeover, "data-dir": dataDir, "etcd-endpoints": endpoints } = settings;
  if (dataDir !== undefined && endpoints !== undefined)
    throw new Fault(
      "CONFIG_INVALID",
      "Cannot keep the tokens in two places: both data-dir and etcd-endpoints are set; leave one out",
    );
  const addresses = listen.map(parseTlsAddress);
  return {
    listen: addresses,
    tlsFiles: readTlsFiles(settings, addresses, io.cwd),
    store: endpoints
      ? { kind: "etcd", endpoints }
      : { kind: "own", dataDir: resolve(io.cwd, dataDir ?? defaultDataDir(io.env)) },
    url,
    ttlSeconds: ttl,
    takesOver: takeover === "on",
    newPerHour: settings["new-per-hour"],
  };
}

function readTlsFiles(
  { "cert-file": certFile, "key-file": keyFile }: v.InferOutput<typeof Schema>,
  addresses: readonly Address[],
  cwd: string,
): TlsFiles | undefined {
  const isSecure = addresses.some((address) => address.kind === "tcp" && address.secure);
  const isGiven = certFile !== undefined && keyFile !== undefined;
  const isHalf = isGiven !== (certFile !== undefined || keyFile !== undefined);
  if (isHalf || isSecure !== isGiven)
    throw new Fault(
      "CONFIG_INVALID",
      isSecure
        ? "Cannot listen with https: it needs a certificate; set cert-file and key-file"
        : "Cannot use cert-file and key-file: they belong together, with an address in listen that says https",
    );
  if (!isGiven) return undefined;
  const files = { certFile: resolve(cwd, certFile), keyFile: resolve(cwd, keyFile) };
  return { ...files, caFiles: [], isClientCertRequired: false };
}

function readEnvironment(env: Io["env"]): Record<string, string | undefined> {
  const variable = (name: string) => `DISCOVERY_${name.replaceAll("-", "_").toUpperCase()}`;
  // An empty variable is none.
  return Object.fromEntries(NAMES.map((name) => [name, env[variable(name)] || undefined]));
}

function readFlags(args: readonly string[]): Record<string, unknown> {
  const options = Object.fromEntries(NAMES.map((name) => [name, { type: "string" }] as const));
  try {
    return parseArgs({ args: [...args], options, strict: true }).values;
  } catch (cause) {
    const [first] = reasonOf(cause).split(". ");
    throw new Fault("USAGE", `${first}; \`keelson discovery --help\` shows what it takes`, {
      cause,
    });
  }
}

function defaultDataDir(env: Io["env"]): string {
  const root = env["KEELSON_ROOT"];
  return root ? join(root, "var/lib/keelson-discovery") : "keelson-discovery";
}
