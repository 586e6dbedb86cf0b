import type { IncomingMessage } from "node:http";
import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault } from "#base/fault.ts";
import {
  type Connections,
  type Endpoint,
  ExchangeError,
  type HttpAnswer,
  type HttpRequest,
  parseEndpoint,
  readBody,
} from "./client-exchange.ts";
import { isServerTrouble } from "./client-wire.ts";

const REDIRECTS_MAX = 10;
/** A member that is not the leader answers 307; an unclean path is answered 301. */
const REDIRECTING: ReadonlySet<number | undefined> = new Set([301, 302, 307, 308]);

export interface EndpointLimits {
  /** How long a server may take to accept a connection. */
  readonly connectTimeoutMs: number;
  /** How long one server may take for a whole answer. */
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  /** Told of every request that goes out. */
  readonly onRequest?: (endpoint: Endpoint, request: HttpRequest) => void;
}

/** The servers of a cluster: asks the last good one first, then the others in turn. */
export class Endpoints {
  readonly all: readonly Endpoint[];
  readonly #connections: Connections;
  readonly #limits: EndpointLimits;
  readonly #heardMs = new Map<string, number>();
  #current = 0;

  constructor(all: readonly Endpoint[], connections: Connections, limits: EndpointLimits) {
    this.all = all;
    this.#connections = connections;
    this.#limits = limits;
  }

  /** The endpoints in the order to try them. */
  order(): Endpoint[] {
    return this.all.map((_, i) => this.all[(this.#current + i) % this.all.length] as Endpoint);
  }

  prefer(endpoint: Endpoint): void {
    const at = this.all.indexOf(endpoint);
    if (at >= 0) this.#current = at;
  }

  /** Monotonic milliseconds of the last answer from this server. */
  heardMs(endpoint: Endpoint): number {
    return this.#heardMs.get(endpoint.text) ?? Number.NEGATIVE_INFINITY;
  }

  /**
   * The whole answer of the first server that has one. With `repeatable` false, a request that a server may have
   * got is not given to another.
   * @throws {Fault} STORE_UNAVAILABLE; its cause is an AggregateError of `ExchangeError`s, one per server tried.
   */
  async ask(
    what: string,
    request: HttpRequest,
    { repeatable }: { readonly repeatable: boolean },
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const failures: ExchangeError[] = [];
    let troubled: HttpAnswer | undefined;
    for (const endpoint of this.order()) {
      try {
        const answer = await this.askOne(endpoint, request, signal);
        if (!repeatable || !isServerTrouble(answer)) {
          this.prefer(endpoint);
          return answer;
        }
        troubled ??= answer;
      } catch (error) {
        if (!(error instanceof ExchangeError)) throw error;
        if (error.sent && !repeatable) throw ambiguous(what, error);
        failures.push(error);
      }
    }
    if (troubled) return troubled;
    throw unavailable(what, failures);
  }

  /**
   * The whole answer of this server, or of the one it redirects to.
   * @throws {ExchangeError}
   */
  async askOne(endpoint: Endpoint, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { requestTimeoutMs: ms, clock } = this.#limits;
    const what = `${request.method} ${endpoint.text}${request.path}`;
    try {
      return await withDeadline({ ms, clock, what, signal }, async (late) => {
        const { message, from } = await this.open(endpoint, request, late);
        const body = await readBody(from, message, late);
        const status = message.statusCode ?? 0;
        return { endpoint: from, status, headers: message.headers, body };
      });
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof ExchangeError ? error : new ExchangeError(endpoint, true, error);
    }
  }

  /**
   * The head of this server's answer, redirections followed.
   * @throws {ExchangeError}
   */
  async open(
    endpoint: Endpoint,
    request: HttpRequest,
    signal: AbortSignal,
  ): Promise<{ message: IncomingMessage; from: Endpoint }> {
    let from = endpoint;
    let to = request;
    for (let hops = 0; hops <= REDIRECTS_MAX; hops += 1) {
      this.#limits.onRequest?.(from, to);
      const message = await this.#connections.send(from, to, this.#limits, signal);
      this.#heardMs.set(from.text, this.#limits.clock.monotonicMs());
      const target = redirection(message, from, to);
      if (target === undefined) return { message, from };
      message.resume();
      ({ from, to } = target);
    }
    throw new ExchangeError(endpoint, false, new Error(`redirected over ${REDIRECTS_MAX} times`));
  }
}

/** No server could be asked. */
export function unavailable(what: string, failures: readonly ExchangeError[]): Fault {
  // That a request to a server got no answer within some time names the request again.
  const brief = (message: string) =>
    message.replace(/^Cannot .*: (?=no answer within \d+ ms$)/, "");
  const each = failures
    .map(({ endpoint, message }) => `${endpoint.text}: ${brief(message)}`)
    .join("; ");
  return new Fault(
    "STORE_UNAVAILABLE",
    `Cannot ${what}: no etcd server answers (${each}); check that etcd runs there and can be reached`,
    { cause: new AggregateError(failures) },
  );
}

function ambiguous(what: string, failure: ExchangeError): Fault {
  return new Fault(
    "STORE_UNAVAILABLE",
    `Cannot tell whether "${what}" was done: ${failure.endpoint.text} got the request and gave no answer (${failure.message}); read the key before trying again`,
    { cause: new AggregateError([failure]), facts: { ambiguous: 1 } },
  );
}

function redirection(message: IncomingMessage, from: Endpoint, request: HttpRequest) {
  const { statusCode, headers } = message;
  if (headers.location === undefined || !REDIRECTING.has(statusCode)) return undefined;
  if (headers.location.startsWith("/")) return { from, to: { ...request, path: headers.location } };
  if (!URL.canParse(headers.location)) return undefined;
  const url = new URL(headers.location);
  if (!/^https?:$/.test(url.protocol)) return undefined;
  return {
    from: parseEndpoint(url.origin),
    to: { ...request, path: `${url.pathname}${url.search}` },
  };
}
