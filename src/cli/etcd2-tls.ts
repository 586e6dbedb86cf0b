import { X509Certificate } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join, resolve } from "node:path";
import * as v from "valibot";
import { writeFileAtomic } from "#base/atomic-file.ts";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import { isLoopbackUrl } from "#base/loopback.ts";
import { makeDataDirectory } from "#base/make-directory.ts";
import { makeSelfSigned } from "#base/self-signed.ts";
import { ServerTls } from "#base/tls.ts";

const Path = v.optional(v.string());
/** A switch in Go's words, strconv.ParseBool. */
const Switch = v.optional(
  v.pipe(
    v.string(),
    v.regex(/^(1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/, "expected true or false"),
    v.transform((text) => /^(1|t)/i.test(text)),
  ),
);

/** etcd's settings of TLS: for clients, and the same for peers. */
export const TLS_ENTRIES = {
  "cert-file": Path,
  "key-file": Path,
  "ca-file": Path,
  "trusted-ca-file": Path,
  "client-cert-auth": Switch,
  "auto-tls": Switch,
  "peer-cert-file": Path,
  "peer-key-file": Path,
  "peer-ca-file": Path,
  "peer-trusted-ca-file": Path,
  "peer-client-cert-auth": Switch,
  "peer-auto-tls": Switch,
};
type Entries = v.InferOutput<v.StrictObjectSchema<typeof TLS_ENTRIES, undefined>>;

/** Settings that a command line may give without a value, for true. */
export const TLS_SWITCHES: ReadonlySet<string> = new Set<keyof Entries>([
  "client-cert-auth",
  "auto-tls",
  "peer-client-cert-auth",
  "peer-auto-tls",
]);

/** TLS towards clients or towards peers. */
export interface TlsSettings {
  readonly side: "client" | "peer";
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly caFiles: readonly string[];
  /** As `ca-file` meant it from the start, and `client-cert-auth` later. */
  readonly isClientCertRequired: boolean;
  readonly isAuto: boolean;
}

/** @throws {Fault} CONFIG_INVALID when an address wants TLS and nothing says with which certificate. */
export function readTlsSettings(
  values: Entries,
  side: TlsSettings["side"],
  { listenUrls, cwd }: { readonly listenUrls: readonly string[]; readonly cwd: string },
): TlsSettings {
  const prefix = side === "peer" ? "peer-" : "";
  const path = (name: "cert-file" | "key-file" | "ca-file" | "trusted-ca-file") => {
    const given = values[`${prefix}${name}`];
    return given ? resolve(cwd, given) : undefined;
  };
  const [certFile, keyFile, caFile, trustedCaFile] = [
    path("cert-file"),
    path("key-file"),
    path("ca-file"),
    path("trusted-ca-file"),
  ];
  const isAuto = values[`${prefix}auto-tls`] === true;
  const secure = listenUrls.find((url) => url.startsWith("https:"));
  if (secure !== undefined && !isAuto && (certFile === undefined || keyFile === undefined))
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot listen on ${secure}: it needs a certificate; set ${prefix}cert-file and ${prefix}key-file, or ${prefix}auto-tls`,
    );
  return {
    side,
    certFile,
    keyFile,
    caFiles: [caFile, trustedCaFile].filter((file) => file !== undefined),
    isClientCertRequired: caFile !== undefined || values[`${prefix}client-cert-auth`] === true,
    isAuto: isAuto && certFile === undefined && keyFile === undefined,
  };
}

export interface TlsContext {
  /** Where `auto-tls` keeps what it makes. */
  readonly dataDir: string;
  readonly listenUrls: readonly string[];
  /** Names and addresses that a certificate of `auto-tls` is for, beside those listened on. */
  readonly toldUrls: readonly string[];
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * What servers on these URLs show and ask for; nothing when none is https.
 * @throws {Fault} FILE_UNREADABLE, FILE_UNWRITABLE, CONFIG_INVALID
 */
export async function openServerTls(
  settings: TlsSettings,
  context: TlsContext,
): Promise<ServerTls | undefined> {
  const { side, caFiles, isClientCertRequired, isAuto } = settings;
  const { listenUrls, logger } = context;
  const [plain, secure] = [false, true].map((wanted) =>
    listenUrls.filter((url) => url.startsWith("https:") === wanted),
  ) as [string[], string[]];
  const isGiven = settings.certFile !== undefined || isAuto;
  // Beside https, plain URLs for this machine alone are meant so.
  const open = plain.filter((url) => secure.length === 0 || !isLocal(url));
  if (isGiven && open.length > 0)
    logger.warn({ side, urls: open }, "certificates are given, but these URLs are not https");
  if (secure.length === 0) return undefined;
  if (caFiles.length === 0 && isClientCertRequired)
    logger.warn(
      { side },
      "client-cert-auth without trusted-ca-file: clients need a certificate of a public authority; name your own with trusted-ca-file",
    );
  if (caFiles.length > 0 && !isClientCertRequired)
    logger.warn({ side }, "trusted-ca-file without client-cert-auth: clients need no certificate");
  const { certFile = "", keyFile = "" } = isAuto ? await selfSigned(side, context) : settings;
  return new ServerTls({ certFile, keyFile, caFiles, isClientCertRequired }, logger);
}

function isLocal(url: string): boolean {
  return url.startsWith("unix:") || isLoopbackUrl(url);
}

const SELF_SIGNED_DAYS = 365;

/** The certificate that was made before, unless it has ended or is not for all of the names. */
async function selfSigned(
  side: TlsSettings["side"],
  { dataDir, listenUrls, toldUrls, logger, clock }: TlsContext,
): Promise<{ readonly certFile: string; readonly keyFile: string }> {
  const directory = join(dataDir, "fixtures", side); // etcd's place
  const [certFile, keyFile] = [join(directory, "cert.pem"), join(directory, "key.pem")];
  const urls = [...listenUrls, ...toldUrls].filter((url) => url.startsWith("https:"));
  const hosts = [...new Set(urls.map((url) => new URL(url).hostname.replace(/^\[|\]$/g, "")))];
  const nowMs = clock.now().getTime();
  if (existsSync(certFile) && existsSync(keyFile) && isFor(hosts, readFileSync(certFile), nowMs))
    return { certFile, keyFile };
  makeDataDirectory(directory);
  const made = makeSelfSigned(hosts, { commonName: "keelson", days: SELF_SIGNED_DAYS, nowMs });
  await writeFileAtomic(keyFile, made.key, { mode: 0o600 });
  await writeFileAtomic(certFile, made.cert, { mode: 0o644 });
  logger.info({ side, certFile, hosts }, "made a self-signed certificate");
  return { certFile, keyFile };
}

function isFor(hosts: readonly string[], pem: Buffer, nowMs: number): boolean {
  try {
    const cert = new X509Certificate(pem);
    return (
      Date.parse(cert.validTo) > nowMs &&
      hosts.every((host) => (isIP(host) > 0 ? cert.checkIP(host) : cert.checkHost(host)))
    );
  } catch {
    return false; // not a certificate: a new one takes its place
  }
}
