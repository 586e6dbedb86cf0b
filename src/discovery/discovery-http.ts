import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { HttpRequest, HttpResponse } from "#base/http.ts";
import type { Logger } from "#base/logger.ts";
import { onGet, type Routes } from "#keys/client-handler.ts";
import type { Command } from "#keys/core/command.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import { parseForm } from "#keys/core/form.ts";
import { KEYS_ERRORS, KeysError } from "#keys/core/keys-error.ts";
import { type Method, parseRequest } from "#keys/core/request.ts";
import { encodeEvent, encodeRefusal } from "#keys/core/wire.ts";
import {
  allowMethod,
  answerJson,
  answerNotFound,
  answerPlain,
  answerText,
  splitTarget,
} from "#keys/http-answers.ts";
import type { Reply } from "#keys/keys.ts";
import { parseRegistration, VALUE_CHARS_MAX } from "./core/registration.ts";
import { RequestRate } from "./core/request-rate.ts";
import { parseSize, SIZE_MAX } from "./core/slots.ts";
import type { Registry } from "./registry.ts";

/** As the original. */
const DEFAULT_SIZE = 3;

/** A value of the greatest length with every character escaped. */
const BODY_BYTES_MAX = 9 * VALUE_CHARS_MAX + 1024;

/** Machines that wait at once; each takes a connection. */
const POLLS_MAX = 10_000;

const HOST = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const TOKEN_PATH = /^\/([0-9a-f]{32})(?:\/(.*))?$/;
const MEMBER_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;
const CONFIG = new Set(["_config", "_config/size"]);

const home = (
  url: string,
) => `This is a discovery service: machines that shall form an etcd cluster find each other here.

  curl "${url}/new?size=3"

answers the URL of a new token, for a cluster of three members. Give that URL to every machine as etcd's setting
"discovery". docs/guide-discovery.md of Keelson says more.
`;

export interface DiscoveryOptions {
  readonly registry: Registry;
  /** What its URLs begin with; by default the host that a request names. */
  readonly url?: string | undefined;
  /** Whether that host is reached by https. */
  readonly isSecure: boolean;
  /** New tokens an hour for each address; 0: any number. */
  readonly newPerHour: number;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Aborts when the service ends. */
  readonly signal: AbortSignal;
}

/** Everything that a discovery service answers. */
export function discoveryRoutes(options: DiscoveryOptions): Routes {
  const service = new Service(options);
  return {
    "/new": (req, res) => service.answerNew(req, res),
    "/health": onGet((res) => service.answerHealth(res)),
    "/robots.txt": onGet((res) => answerPlain(res, 200, "User-agent: *\nDisallow: /")),
    "/": (req, res) => service.answerOther(req, res),
  };
}

class Service {
  readonly #options: DiscoveryOptions;
  readonly #registry: Registry;
  readonly #rate: RequestRate | undefined;
  #polls = 0;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
    this.#registry = options.registry;
    if (options.newPerHour > 0) this.#rate = new RequestRate(options.newPerHour);
  }

  answerNew(req: HttpRequest, res: HttpResponse): void {
    if (!allowMethod(req, res, ["GET", "PUT", "POST"])) return;
    const [, query] = splitTarget(req.target);
    this.#withBody(req, res, (body) => this.#new(req, res, [body, query].filter(Boolean)));
  }

  async #new(req: HttpRequest, res: HttpResponse, texts: readonly string[]): Promise<void> {
    const { clock, logger, signal } = this.#options;
    const form = parseForm(texts);
    const given = "error" in form ? form.error : form.get("size") || String(DEFAULT_SIZE);
    const size = parseSize(given);
    if (size === undefined) {
      const why = `Cannot make a token: size is "${given.slice(0, 40)}", expected a number of members from 1 to ${SIZE_MAX}`;
      answerText(res, 400, why);
      return;
    }
    const base = this.#baseOf(req);
    if (base === undefined) {
      answerText(res, 400, "Cannot make a token: the request has no Host that can stand in a URL");
      return;
    }
    const waitMs = this.#rate?.take(req.remoteAddress ?? "", clock.monotonicMs()) ?? 0;
    if (waitMs > 0) {
      res.addHeaders(["Retry-After", String(Math.ceil(waitMs / 1000))]);
      answerText(res, 429, "Cannot make a token: too many were asked for from there; wait");
      return;
    }
    const token = await this.#registry.newToken(size, signal);
    logger.info({ token: shown(token), size }, "new token");
    answerPlain(res, 200, `${base}/${token}`);
  }

  answerHealth(res: HttpResponse): void {
    this.#run(res, async () => {
      await this.#registry.check(this.#options.signal);
      answerPlain(res, 200, "OK");
    });
  }

  answerOther(req: HttpRequest, res: HttpResponse): void {
    const [path, query] = splitTarget(req.target);
    if (path === "/") {
      if (allowMethod(req, res, ["GET"])) answerPlain(res, 200, home(this.#baseOf(req) ?? ""));
      return;
    }
    const [, token, below = ""] = TOKEN_PATH.exec(path) ?? [];
    const isMember = MEMBER_ID.test(below);
    if (token === undefined || !(below === "" || isMember || CONFIG.has(below))) {
      answerNotFound(res);
      return;
    }
    const methods = isMember ? ["GET", "PUT", "DELETE"] : ["GET"];
    if (!allowMethod(req, res, methods)) return;
    this.#withBody(req, res, (body) =>
      this.#answerKey({ token, below, method: req.method as Method }, [body, query], res),
    );
  }

  async #answerKey(
    { token, below, method }: { token: string; below: string; method: Method },
    texts: readonly string[],
    res: HttpResponse,
  ): Promise<void> {
    const nowMs = this.#options.clock.now().getTime();
    const request = parseRequest(method, "", texts.filter(Boolean), nowMs);
    if ("code" in request) throw new KeysError(request.code, request.cause, 0);
    switch (request.kind) {
      case "read": {
        const { recursive, sorted } = request;
        answerReply(
          res,
          await this.#registry.get(token, below, { recursive, sorted }, this.#options.signal),
        );
        return;
      }
      case "command":
        answerReply(res, await this.#execute(token, below, request.command));
        return;
      case "watch":
        await this.#wait(token, below, request, res);
        return;
      default:
        request satisfies never;
    }
  }

  async #execute(token: string, id: string, command: Command): Promise<Reply> {
    const { logger, signal } = this.#options;
    const { op } = command;
    if (op === "get") return this.#registry.get(token, id, { ...command, quorum: true }, signal);
    if (op === "delete" || op === "compareAndDelete") {
      const reply = await this.#registry.remove(token, id, conditionsOf(command), signal);
      logger.info({ token: shown(token), id }, "removed");
      return reply;
    }
    if (!isPut(command)) throw new KeysError(209, "not for members", 0);
    const { value } = command;
    if (parseRegistration(value) === undefined)
      throw new KeysError(209, "value is not NAME=PEER-URL[,NAME=PEER-URL...]", 0);
    const reply =
      op === "create" || op === "set"
        ? await this.#registry.register(token, { id, value, overwrites: op === "set" }, signal)
        : await this.#registry.overwrite(token, id, value, conditionsOf(command), signal);
    logger.info({ token: shown(token), id, value }, "registered");
    return reply;
  }

  async #wait(
    token: string,
    below: string,
    { recursive, fromIndex }: { recursive: boolean; fromIndex: number | undefined },
    res: HttpResponse,
  ): Promise<void> {
    if (this.#polls >= POLLS_MAX) {
      answerText(res, 503, "Too many machines wait here; try again");
      return;
    }
    this.#polls += 1;
    const gone = new AbortController();
    res.onClose(() => gone.abort(new Error("the client is gone")));
    const signal = AbortSignal.any([gone.signal, this.#options.signal]);
    const from = fromIndex === undefined ? {} : { fromIndex };
    try {
      const event = await this.#registry.change(token, below, { recursive, ...from }, signal);
      if (event) answerEvent(res, 200, event, event.node.modifiedIndex);
      else answerText(res, 503, "The members of this token have changed: list them again");
    } catch (error) {
      if (!gone.signal.aborted) throw error;
    } finally {
      this.#polls -= 1;
    }
  }

  /** What URLs begin with; undefined when the request names no host that can stand in one. */
  #baseOf(req: HttpRequest): string | undefined {
    const { url, isSecure } = this.#options;
    if (url !== undefined) return url;
    const host = req.header("host") ?? "";
    return HOST.test(host) ? `${isSecure ? "https" : "http"}://${host}` : undefined;
  }

  #withBody(req: HttpRequest, res: HttpResponse, work: (body: string) => Promise<void>): void {
    if (req.method === "GET") this.#run(res, () => work(""));
    else
      req.readBody(BODY_BYTES_MAX, (body) => {
        if (body === undefined) {
          res.closeAfter();
          answerText(res, 413, `The form is over ${BODY_BYTES_MAX} bytes`);
        } else this.#run(res, () => work(body));
      });
  }

  /** Whatever goes wrong is the answer. */
  #run(res: HttpResponse, work: () => Promise<void>): void {
    const { logger, signal } = this.#options;
    work().catch((err: unknown) => {
      if (err instanceof KeysError) {
        const { code, keysCause: cause, index } = err;
        res.addHeaders(["X-Etcd-Index", String(index)]);
        answerJson(res, KEYS_ERRORS[code].http, encodeRefusal({ code, cause, index }));
        return;
      }
      if (signal.aborted) {
        answerText(res, 503, "The discovery service is stopping; try again");
        return;
      }
      if (!(err instanceof Fault)) throw err;
      logger.error({ err }, "the store does not answer");
      answerText(res, 503, "The discovery service cannot reach its store; try again");
    });
  }
}

type Put = Extract<Command, { readonly op: "create" | "set" | "update" | "compareAndSwap" }>;

function isPut(command: Command): command is Put {
  const { op } = command;
  return op === "create" || op === "set" || op === "update" || op === "compareAndSwap";
}

function conditionsOf(command: Command): { prevValue?: string; prevIndex?: number } {
  if (!("prevValue" in command)) return {};
  const { prevValue, prevIndex } = command;
  return {
    ...(prevValue === "" ? {} : { prevValue }),
    ...(prevIndex === 0 ? {} : { prevIndex }),
  };
}

function answerReply(res: HttpResponse, { event, etcdIndex }: Reply): void {
  answerEvent(res, event.action === "create" ? 201 : 200, event, etcdIndex);
}

function answerEvent(res: HttpResponse, status: number, event: KeyEvent, index: number): void {
  res.addHeaders(["X-Etcd-Index", String(index)]);
  answerJson(res, status, encodeEvent(event));
}

/** A token lets whoever knows it join: logs have its beginning. */
function shown(token: string): string {
  return `${token.slice(0, 8)}…`;
}
