import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import {
  createSecureContext,
  type SecureContextOptions,
  type Server,
  TLSSocket,
  type TlsOptions,
} from "node:tls";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";

/** The files, in PEM, that a server shows itself and judges its clients by. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities of the clients' certificates; none: those of the web, which Node brings. */
  readonly caFiles: readonly string[];
  /** Whether a client that shows no certificate of these authorities is refused. */
  readonly isClientCertRequired: boolean;
}

const VERSION_MIN = "TLSv1.2";
/** Reasons for refused clients that are told, each once. */
const COMPLAINTS_MAX = 32;

/** TLS for any number of servers. Files that changed are read when the next client connects, as by etcd 3. */
export class ServerTls {
  readonly #files: TlsFiles;
  readonly #logger: Logger;
  readonly #complaints = new Set<string>();
  readonly #fresh: FreshFiles<TlsOptions>;

  /** @throws {Fault} FILE_UNREADABLE, CONFIG_INVALID when the files do not fit together. */
  constructor(files: TlsFiles, logger: Logger) {
    this.#files = files;
    this.#logger = logger;
    const { certFile, keyFile, caFiles } = files;
    this.#fresh = new FreshFiles([certFile, keyFile, ...caFiles], () => this.#read(), logger);
  }

  /** For `createServer` of node:tls or node:https. */
  get options(): TlsOptions {
    return this.#fresh.current();
  }

  /** Has a server that was made with these options use the files as they are when a client connects. */
  follow(server: Server): void {
    let used = this.options;
    // Ahead of the server's own listener, which takes the context that there is.
    server.prependListener("connection", () => {
      if (used === this.options) return;
      used = this.options;
      server.setSecureContext(used);
    });
    server.on("tlsClientError", (error, socket) => this.#complain(error, socket));
  }

  #read(): TlsOptions {
    const { certFile, keyFile, caFiles, isClientCertRequired } = this.#files;
    const pair = readPair(certFile, keyFile);
    const problem = validityProblem(pair.cert);
    if (problem) this.#logger.warn({ certFile }, `the certificate ${problem}; clients refuse it`);
    return {
      ...pair,
      ...readAuthorities(caFiles),
      minVersion: VERSION_MIN,
      requestCert: isClientCertRequired,
      rejectUnauthorized: isClientCertRequired,
      ALPNProtocols: ["http/1.1"],
    };
  }

  /** Each reason once, so that a client that tries again and again fills no log. */
  #complain(error: Error, socket: TLSSocket): void {
    const reason = refusalReason(error, socket);
    if (reason === undefined || this.#complaints.has(reason)) return;
    if (this.#complaints.size < COMPLAINTS_MAX) this.#complaints.add(reason);
    this.#logger.warn({ from: socket.remoteAddress, reason }, "client refused by TLS; told once");
  }
}

/** Why a client was not let in; undefined when it just went away. */
function refusalReason(error: Error, socket: TLSSocket): string | undefined {
  // Set on a socket that Node gave up because of it; the error is only that it was closed then.
  const judged: unknown = socket.authorizationError;
  if (judged) return `its certificate is not accepted: ${reasonOf(judged)}`;
  switch ("code" in error ? error.code : undefined) {
    case "ECONNRESET":
      return undefined;
    case "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE":
      return "it showed no certificate";
    case "ERR_SSL_HTTP_REQUEST":
      return "it spoke plain HTTP";
    default:
      return error.message.trim();
  }
}

/** The files, in PEM, of a client; an empty name is none. */
export interface ClientTlsFiles {
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly caFiles: readonly string[];
}

/**
 * What a client goes to https servers with.
 * @throws {Fault} FILE_UNREADABLE, CONFIG_INVALID
 */
export function clientTls({ certFile, keyFile, caFiles }: ClientTlsFiles): SecureContextOptions {
  return {
    ...readAuthorities(caFiles),
    ...(certFile || keyFile ? readPair(certFile, keyFile) : {}),
    minVersion: VERSION_MIN,
  };
}

/** A client looks whether its files changed no more often than this. */
const LOOK_EVERY_MS = 1_000;

/**
 * As `clientTls`, for a client that runs for long: each call gives what the files hold at about that time.
 * @throws {Fault} FILE_UNREADABLE, CONFIG_INVALID; not from the calls
 */
export function followClientTls(files: ClientTlsFiles, logger: Logger): () => SecureContextOptions {
  const paths = [files.certFile, files.keyFile, ...files.caFiles].filter((path) => !!path);
  const fresh = new FreshFiles(paths as string[], () => clientTls(files), logger);
  let lookedMs = performance.now();
  let options = fresh.current();
  return () => {
    const nowMs = performance.now();
    if (nowMs - lookedMs >= LOOK_EVERY_MS) {
      lookedMs = nowMs;
      options = fresh.current();
    }
    return options;
  };
}

function readAuthorities(caFiles: readonly string[]): { readonly ca?: Buffer[] } {
  const named = caFiles.filter((path) => path !== "");
  if (named.length === 0) return {};
  return { ca: named.map((path) => checked(path, "an authority's certificate", parseCertificate)) };
}

/** A certificate and its key, checked to belong together. */
function readPair(
  certFile: string | undefined,
  keyFile: string | undefined,
): { readonly cert: Buffer; readonly key: Buffer } {
  if (!certFile || !keyFile)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot use ${certFile ? `the certificate ${certFile} without its key` : `the key ${keyFile} without its certificate`}: name both files`,
    );
  const cert = checked(certFile, "a certificate", parseCertificate);
  const key = checked(keyFile, "a private key", parseKey);
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)))
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot use the key ${keyFile}: it is not the key of the certificate ${certFile}; name the two that belong together`,
    );
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot use the certificate ${certFile}: ${reasonOf(cause)}`,
      {
        cause,
      },
    );
  }
  return { cert, key };
}

/** The common name of the certificate that a client has shown and an authority of ours vouches for. */
export function commonNameOf(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const name: unknown = socket.getPeerCertificate().subject?.CN;
  const [first] = Array.isArray(name) ? (name as unknown[]) : [name];
  return typeof first === "string" ? first : undefined;
}

function validityProblem(cert: Buffer): string | undefined {
  const { validFrom, validTo } = new X509Certificate(cert);
  const nowMs = Date.now();
  if (nowMs > Date.parse(validTo)) return `has expired on ${validTo}`;
  if (nowMs < Date.parse(validFrom)) return `is not valid before ${validFrom}`;
  return undefined;
}

function checked(path: string, what: string, parse: (pem: Buffer) => unknown): Buffer {
  let pem: Buffer;
  try {
    pem = readFileSync(path);
  } catch (cause) {
    throw new Fault("FILE_UNREADABLE", `Cannot read ${what}: ${reasonOf(cause)}`, { cause });
  }
  try {
    parse(pem);
  } catch (cause) {
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot use ${path} as ${what}: ${reasonOf(cause)}; expected PEM, unencrypted`,
      { cause },
    );
  }
  return pem;
}

function parseCertificate(pem: Buffer): X509Certificate {
  return new X509Certificate(pem);
}

function parseKey(pem: Buffer): unknown {
  return createPrivateKey(pem);
}

/** What files say, read again when one of them has changed; what cannot be used is told, and the former kept. */
class FreshFiles<T> {
  readonly #paths: readonly string[];
  readonly #read: () => T;
  readonly #logger: Logger;
  #stamp: string;
  #value: T;

  constructor(paths: readonly string[], read: () => T, logger: Logger) {
    this.#paths = paths;
    this.#read = read;
    this.#logger = logger;
    this.#stamp = stampOf(paths);
    this.#value = read();
  }

  current(): T {
    const stamp = stampOf(this.#paths);
    if (stamp === this.#stamp) return this.#value;
    this.#stamp = stamp;
    const [certFile] = this.#paths;
    try {
      this.#value = this.#read();
      this.#logger.info({ certFile }, "certificate read again");
    } catch (error) {
      // Half of a renewal may be there; the other half changes the stamp again.
      const reason = reasonOf(error);
      this.#logger.warn({ certFile, reason }, "certificate changed but cannot be used yet");
    }
    return this.#value;
  }
}

/** Changes when any of the files does. */
function stampOf(paths: readonly string[]): string {
  return paths
    .map((path) => {
      try {
        const { ino, size, mtimeMs } = statSync(path);
        return `${ino} ${size} ${mtimeMs}`;
      } catch {
        return ""; // reading it will say why
      }
    })
    .join();
}
