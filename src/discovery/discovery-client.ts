import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { speaksNoTls } from "#base/tls-reason.ts";
import { Endpoints } from "#keys/client-endpoints.ts";
import {
  Connections,
  ExchangeError,
  type HttpAnswer,
  type HttpRequest,
  parseEndpoint,
} from "#keys/client-exchange.ts";
import { errorOf, formOf, isServerTrouble, parseEvent } from "#keys/client-wire.ts";
import type { KeyNode } from "#keys/core/event.ts";
import { KeysError } from "#keys/core/keys-error.ts";
import { type Gathering, parseSize, slotsOf } from "./core/slots.ts";

const CONNECT_MS = 5_000;
const REQUEST_MS = 10_000;
/** A poll is given up after this long and the members are listed again; also what many HTTP proxies grant. */
const POLL_MS = 55_000;

/** Who is there, and the store's index when it was so. */
export interface Sighting {
  readonly gathering: Gathering;
  readonly index: number;
}

/**
 * The discovery protocol over HTTP, with any server that speaks it: a token's directory on a discovery service, or a key
 * of an etcd's v2 API.
 *
 * Methods reject with a Fault STORE_UNAVAILABLE when the service did not answer or could not (another attempt may do), and
 * DISCOVERY_REFUSED when it says what no other attempt will change.
 */
export class DiscoveryClient implements Disposable {
  readonly #url: string;
  readonly #directory: string;
  readonly #connections: Connections;
  readonly #endpoints: Endpoints;
  readonly #polls: Endpoints;

  /** @throws {Fault} CONFIG_INVALID */
  constructor(
    url: string,
    { clock, proxy }: { readonly clock: Clock; readonly proxy?: string | undefined },
  ) {
    this.#url = url;
    const { origin, directory } = parseDiscoveryUrl(url);
    this.#directory = directory;
    this.#connections = new Connections(proxy === undefined ? {} : { proxy });
    const limits = { connectTimeoutMs: CONNECT_MS, clock };
    const all = [parseEndpoint(origin)];
    this.#endpoints = new Endpoints(all, this.#connections, {
      ...limits,
      requestTimeoutMs: REQUEST_MS,
    });
    this.#polls = new Endpoints(all, this.#connections, { ...limits, requestTimeoutMs: POLL_MS });
  }

  async look(signal: AbortSignal): Promise<Sighting> {
    const size = await this.#get("/_config/size", signal);
    const members = parseSize(size.node.value ?? "");
    if (members === undefined)
      throw this.#refused(
        `its size is "${size.node.value ?? ""}", which is no number of members; ask for a new URL`,
      );
    const listing = await this.#get("", signal);
    return { gathering: { size: members, slots: slotsOf(listing.node) }, index: listing.index };
  }

  /** Registers; the caller looks whether it is there, for another may have come first. */
  async register(id: string, value: string, signal: AbortSignal): Promise<void> {
    const query = formOf({ prevExist: false });
    const request = { method: "PUT", form: formOf({ value }), query };
    await this.#ask(`/${id}`, request, signal).catch(this.#unless(105));
  }

  /** Removes an entry if it is still the one that was seen. */
  async remove(id: string, value: string, signal: AbortSignal): Promise<void> {
    const request = { method: "DELETE", query: formOf({ prevValue: value }) };
    await this.#ask(`/${id}`, request, signal).catch(this.#unless(100, 101));
  }

  /** Resolves when something may have changed after `index`, at the latest after a minute. */
  async change(index: number, signal: AbortSignal): Promise<void> {
    const query = formOf({ wait: true, recursive: true, waitIndex: index + 1 });
    const request = { method: "GET", path: `${this.#directory}?${query}` };
    try {
      await this.#polls.ask(`wait at ${this.#url}`, request, { repeatable: true }, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!isUnavailable(error)) throw error; // else looking again will tell
    }
  }

  [Symbol.dispose](): void {
    this.#connections[Symbol.dispose]();
  }

  #get(below: string, signal: AbortSignal) {
    return this.#ask(below, { method: "GET" }, signal).catch((error: unknown) => {
      throw error instanceof KeysError ? this.#refused(`it answers "${error.message}"`) : error;
    });
  }

  /** Rejects with a KeysError when the store said no. */
  async #ask(
    below: string,
    { query, ...request }: Omit<HttpRequest, "path"> & { readonly query?: string },
    signal: AbortSignal,
  ): Promise<{ readonly node: KeyNode; readonly index: number }> {
    const path = `${this.#directory}${below}${query === undefined ? "" : `?${query}`}`;
    const repeatable = request.method === "GET";
    const answer = await this.#endpoints
      .ask(`use ${this.#url}`, { ...request, path }, { repeatable }, signal)
      .catch((error: unknown) => {
        throw this.#silenceOf(error);
      });
    if (answer.status !== 200 && answer.status !== 201) throw this.#errorOf(answer, below);
    const index = Number(answer.headers["x-etcd-index"] ?? Number.NaN);
    if (Number.isNaN(index)) throw this.#noService(answer);
    try {
      return { node: parseEvent(answer.body).node, index };
    } catch (error) {
      throw isUnavailable(error) ? this.#noService(answer) : error;
    }
  }

  /** In words for a discovery service, where no server could be asked. */
  #silenceOf(error: unknown): unknown {
    if (!isUnavailable(error) || "ambiguous" in error.facts) return error;
    const failures = error.cause instanceof AggregateError ? error.cause.errors : [];
    const [failure] = failures as readonly unknown[];
    if (!(failure instanceof ExchangeError)) return error;
    if (speaksNoTls(failure.cause)) return this.#refused(failure.message);
    return new Fault(
      "STORE_UNAVAILABLE",
      `Cannot use ${this.#url}: no discovery service answers (${failure.message}); check its address and port, and that it runs there`,
      { cause: error.cause },
    );
  }

  #errorOf(answer: HttpAnswer, below: string): Error {
    const error = errorOf(answer);
    if (isServerTrouble(answer))
      return error instanceof Fault ? error : new Fault("STORE_UNAVAILABLE", error.message);
    if (!(error instanceof KeysError)) return this.#noService(answer);
    if (error.code !== 100 || below !== "/_config/size") return error;
    return this.#refused(
      "it knows no such token; the URL was mistyped, or it was not used in time: ask for a new one and give it to every machine",
    );
  }

  #noService({ status, body }: HttpAnswer): Fault {
    return this.#refused(
      `what answers is no discovery service (HTTP status ${status}, "${body.slice(0, 100).trim()}"); check the URL`,
    );
  }

  /** Lets the store's refusals with these codes pass. */
  #unless(...codes: readonly number[]): (error: unknown) => void {
    return (error) => {
      if (!(error instanceof KeysError)) throw error;
      if (!codes.includes(error.code)) throw this.#refused(`it answers "${error.message}"`);
    };
  }

  #refused(what: string): Fault {
    return new Fault("DISCOVERY_REFUSED", `Cannot join through ${this.#url}: ${what}`);
  }
}

/** @throws {Fault} CONFIG_INVALID */
function parseDiscoveryUrl(text: string): {
  readonly origin: string;
  readonly directory: string;
} {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const directory = url?.pathname.replace(/\/{2,}/g, "/").replace(/\/$/, "") ?? "";
  if (!/^https?:$/.test(url?.protocol ?? "") || directory === "" || url?.search || url?.hash)
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot use discovery URL "${text}": expected http://HOST/TOKEN or https://HOST/TOKEN, as a discovery service's /new answers it`,
    );
  return { origin: text.slice(0, text.indexOf("/", text.indexOf("//") + 2)), directory };
}

export function isUnavailable(error: unknown): error is Fault {
  return error instanceof Fault && error.code === "STORE_UNAVAILABLE";
}
