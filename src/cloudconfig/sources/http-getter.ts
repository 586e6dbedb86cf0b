import type { Agent, IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { tlsReason } from "#base/tls-reason.ts";
import { collect } from "../read-user-data.ts";

// As the original's HTTP client.
const REQUEST_MS = 10_000;
const ATTEMPTS_MAX = 15;
const FIRST_PAUSE_MS = 100;
const PAUSE_MS_MAX = 5_000;
/** One after the other, each redirected by the one before. */
const HOPS_MAX = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** 4xx that pass with time: too slow, too early, too many; the others mean that there is nothing. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429]);

export interface HttpGetterOptions {
  readonly clock: Clock;
  /** Where `http_proxy`, `https_proxy` and `no_proxy` are looked up. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told what is tried and what came of it, a line each. */
  readonly report: (line: string) => void;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How to be let in where a request is refused with 401. */
  readonly session?: HttpSession;
}

/** A token that a server gives to who asks by PUT, and wants with every request from then on. */
export interface HttpSession {
  readonly url: string;
  /** Sent with the PUT. */
  readonly headers: Readonly<Record<string, string>>;
  /** What the token is sent as; only to the same server. */
  readonly tokenHeader: string;
}

/** A server's answer that is final: the body, or that there is nothing (4xx). */
export type HttpAnswer =
  | { readonly found: true; readonly body: Uint8Array }
  | { readonly found: false; readonly status: number };

interface RawAnswer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: Uint8Array;
}

/** An attempt that may succeed later. */
class AttemptFailed extends Error {
  override readonly name = "AttemptFailed";
}

/** GET requests for user-data and metadata, with the original's patience. */
export class HttpGetter {
  readonly #options: HttpGetterOptions;
  readonly #agents = new Map<string, Agent>();
  #token: string | undefined;

  constructor(options: HttpGetterOptions) {
    this.#options = options;
  }

  /**
   * One attempt, which follows redirections.
   * @throws {Error} when there is no answer, or the server is in trouble (5xx)
   */
  async get(url: string, signal: AbortSignal): Promise<HttpAnswer> {
    const { clock } = this.#options;
    const what = `fetch ${url}`;
    return await withDeadline({ ms: REQUEST_MS, clock, what, signal }, async (limit) => {
      const answer = await this.#follow(url, limit);
      const isRefused = !answer.found && answer.status === 401;
      return isRefused && (await this.#openSession(limit)) ? this.#follow(url, limit) : answer;
    });
  }

  /**
   * Tries for a minute to three, waiting longer each time, while the server does not answer or is in trouble.
   * @throws {Fault} SOURCE_FAILED
   */
  async getRetry(url: string, signal: AbortSignal): Promise<HttpAnswer> {
    parseUrl(url);
    let pauseMs = FIRST_PAUSE_MS;
    for (let attempt = 1; ; attempt++) {
      this.#options.report(`Fetching data from ${url}. Attempt #${attempt}`);
      try {
        return await this.get(url, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Fault && error.code !== "TIMED_OUT") throw error;
        this.#options.report(`Unable to fetch data: ${reasonOf(error)}`);
        if (attempt === ATTEMPTS_MAX) throw gaveUp(url, error);
      }
      await this.#options.clock.sleep(pauseMs, signal);
      pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
    }
  }

  async #follow(start: string, signal: AbortSignal): Promise<HttpAnswer> {
    let url = parseUrl(start);
    for (let hops = 1; ; hops++) {
      const { status, location, body } = await this.#exchange(url, signal);
      if (status >= 200 && status < 300) return { found: true, body };
      if (REDIRECTS.has(status) && location !== undefined) {
        if (hops === HOPS_MAX) throw new AttemptFailed(`it redirects ${HOPS_MAX} times`);
        url = parseUrl(location, url);
        continue;
      }
      if (status >= 400 && status < 500 && !PASSING.has(status)) return { found: false, status };
      throw new AttemptFailed(`the server answers ${status}`);
    }
  }

  /** Whether there is a new token to try again with. */
  async #openSession(signal: AbortSignal): Promise<boolean> {
    const { session } = this.#options;
    if (session === undefined) return false;
    const { status, body } = await this.#exchange(parseUrl(session.url), signal, session.headers);
    if (status < 200 || status >= 300) return false;
    this.#token = new TextDecoder().decode(body).trim();
    return true;
  }

  #headersFor(url: URL): Readonly<Record<string, string>> {
    const { session, headers } = this.#options;
    const isWanted = session !== undefined && this.#token !== undefined;
    return isWanted && url.origin === parseUrl(session.url).origin
      ? { ...headers, [session.tokenHeader]: this.#token! }
      : { ...headers };
  }

  /** @param put the headers of a PUT; without them it is a GET */
  async #exchange(
    url: URL,
    signal: AbortSignal,
    put?: Readonly<Record<string, string>>,
  ): Promise<RawAnswer> {
    const isSecure = url.protocol === "https:";
    // An import would evaluate all of node:http at every start of the program.
    const http = isSecure
      ? process.getBuiltinModule("node:https")
      : process.getBuiltinModule("node:http");
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = http.request(url, {
      agent: this.#agent(isSecure),
      method: put === undefined ? "GET" : "PUT",
      headers: {
        "user-agent": "keelson",
        "accept-encoding": "gzip",
        ...(put === undefined ? this.#headersFor(url) : { ...put, "content-length": "0" }),
      },
      signal,
    });
    request.once("response", resolve).once("error", reject).end();
    try {
      const response = await promise;
      const body = await collect(plainBody(response));
      return { status: response.statusCode ?? 0, location: response.headers.location, body };
    } catch (cause) {
      throw signal.aborted
        ? signal.reason
        : new AttemptFailed(tlsReason(cause) ?? failureOf(cause), { cause });
    }
  }

  #agent(isSecure: boolean): Agent {
    const scheme = isSecure ? "https" : "http";
    let agent = this.#agents.get(scheme);
    if (agent === undefined) {
      const proxyEnv = withoutProxyNearby(this.#options.env);
      agent = isSecure
        ? new (process.getBuiltinModule("node:https").Agent)({ proxyEnv, ca: authorities() })
        : new (process.getBuiltinModule("node:http").Agent)({ proxyEnv });
      this.#agents.set(scheme, agent);
    }
    return agent;
  }
}

/** A proxy cannot reach what only this machine can; the original asks it for all but the first two. */
const NEARBY = ["localhost", "127.0.0.1", "169.254.169.254", "metadata.google.internal"];

function withoutProxyNearby(env: HttpGetterOptions["env"]): NodeJS.ProcessEnv {
  const given = env["no_proxy"] ?? env["NO_PROXY"] ?? "";
  const none = [given, ...NEARBY].filter(Boolean).join(",");
  return { ...env, no_proxy: none, NO_PROXY: none };
}

/** Those that Node brings and those of the machine, where a company puts its own. */
function authorities(): string[] {
  const { getCACertificates } = process.getBuiltinModule("node:tls");
  return [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
}

/** The body as it was before the server packed it for the way; user-data that is gzip itself stays so. */
function plainBody(response: IncomingMessage): Readable {
  if (response.headers["content-encoding"]?.toLowerCase() !== "gzip") return response;
  const unzipped = process.getBuiltinModule("node:zlib").createGunzip();
  response.once("error", (error) => unzipped.destroy(error));
  return response.pipe(unzipped);
}

function failureOf(cause: unknown): string {
  const causes = cause instanceof AggregateError ? cause.errors : [cause];
  return causes.map(reasonOf).join(", ");
}

/** @throws {Fault} SOURCE_FAILED */
function parseUrl(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Fault(
      "SOURCE_FAILED",
      `Cannot fetch "${text}": it is no URL that begins with http:// or https://`,
    );
  return url;
}

function gaveUp(url: string, cause: unknown): Fault {
  return new Fault(
    "SOURCE_FAILED",
    `Cannot fetch ${url}: ${ATTEMPTS_MAX} attempts failed, the last one with: ${reasonOf(cause)}`,
    { cause },
  );
}
