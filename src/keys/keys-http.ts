import { Fault } from "#base/fault.ts";
import type { HttpRequest, HttpResponse } from "#base/http.ts";
import type { AuthGate } from "#keys/auth-gate.ts";
import type { KeyEvent } from "#keys/core/event.ts";
import { cleanKey } from "#keys/core/key-path.ts";
import { KEYS_ERRORS } from "#keys/core/keys-error.ts";
import { type MediaType, parseMediaType } from "#keys/core/media-type.ts";
import { isDone, type Outcome, type Refusal } from "#keys/core/outcome.ts";
import { type KeysRequest, type Method, parseRequest } from "#keys/core/request.ts";
import type { WatchAnswers } from "#keys/core/request-fields.ts";
import { encodeAction, encodeEvent, encodeRefusal } from "#keys/core/wire.ts";
import { allowMethod, answerText, cleanPath, redirect, splitTarget } from "#keys/http-answers.ts";
import type { KeysServer } from "#keys/keys-server.ts";
import { type RequestCount, RequestCounts } from "#keys/request-counts.ts";

const PREFIX = "/v2/keys";
const METHODS: readonly string[] = ["HEAD", "GET", "PUT", "POST", "DELETE"] satisfies Method[];

/** Of a key and all the directories above it, which a snapshot holds by their full names. */
const NAMES_LENGTH_MAX = 16 << 20;

/** Go's limit for a form, which etcd keeps (net/http, ParseForm: 10 MB). */
const BODY_MAX_BYTES = 10 << 20;

/** A stream whose client leaves this much unread is ended; it asks again from the index it has. */
const UNREAD_MAX_BYTES = 1 << 20;

const UNCLEAN = /\/\/|\/\.\.?(?:\/|$)/;

/** `/v2/keys` over HTTP, as etcd speaks it. */
export class KeysHttp {
  readonly counts = new RequestCounts();
  readonly #server: KeysServer;
  readonly #gate: AuthGate;
  readonly #clusterId: string;
  readonly #watches = new Set<HttpResponse>();
  readonly #encoded = new WeakMap<KeyEvent, string>();

  constructor(server: KeysServer, gate: AuthGate, clusterId: string) {
    this.#server = server;
    this.#gate = gate;
    this.#clusterId = clusterId;
    this.#endWatchesWith(server.following);
  }

  /** Answers a request for `/v2/keys`, or for a path that cleaned may be one; false when it is for something else. */
  handle(req: HttpRequest, res: HttpResponse): boolean {
    const [path, query] = splitTarget(req.target);
    if (UNCLEAN.test(path)) {
      redirect(req, res, cleanPath(path), query);
      return true;
    }
    if (!path.startsWith(PREFIX)) return false;
    if (path.length > PREFIX.length && path[PREFIX.length] !== "/") return false;
    if (!allowMethod(req, res, METHODS)) return true;
    if (isTooDeep(path)) {
      answerText(res, 414, "414 Request-URI Too Long");
      return true;
    }
    this.#read(req, res, path.slice(PREFIX.length), query);
    return true;
  }

  #read(req: HttpRequest, res: HttpResponse, path: string, query: string): void {
    const method = req.method as Method;
    const queryTexts = query === "" ? [] : [query];
    const { type, error } = method === "PUT" || method === "POST" ? bodyType(req) : NO_BODY;
    if (error !== undefined) {
      this.#refuse(res, { code: 210, cause: error, index: 0 });
      return;
    }
    if (type !== FORM) {
      this.#answer(req, path, queryTexts, res);
      return;
    }
    req.readBody(BODY_MAX_BYTES, (body) => {
      if (body === undefined)
        this.#refuse(res, { code: 210, cause: "http: POST too large", index: 0 });
      else this.#answer(req, path, [body, ...queryTexts], res);
    });
  }

  /** `path` is what follows the prefix, as it was sent. */
  #answer(req: HttpRequest, path: string, texts: readonly string[], res: HttpResponse): void {
    const method = req.method as Method;
    const request = parseRequest(method, cleanKey(path), texts, this.#server.nowMs());
    if ("code" in request) this.#refuse(res, request);
    else if (!this.#gate.isEnabled) this.#do(method, request, res);
    else
      this.#gate.checkKeys(req, path, request.recursive, (isAllowed) => {
        if (isAllowed) this.#do(method, request, res);
        else this.#refuse(res, NOT_ALLOWED);
      });
  }

  #do(method: Method, request: KeysRequest, res: HttpResponse): void {
    switch (request.kind) {
      case "read": {
        const count = this.counts.begin(method);
        this.#settle(res, this.#server.get(request.key, request), false, count);
        return;
      }
      case "command": {
        const count = this.counts.begin(request.command.op === "get" ? "QGET" : method);
        this.#server.submit(request.command, (result) =>
          this.#settle(res, result, request.noValue, count),
        );
        return;
      }
      case "watch":
        this.#watch(request, res);
        return;
      default:
        request satisfies never;
    }
  }

  #settle(res: HttpResponse, result: Outcome | Fault, noValue: boolean, count: RequestCount): void {
    if (result instanceof Fault || !isDone(result)) {
      const refusal: Refusal =
        result instanceof Fault
          ? { code: 300, cause: String(result.facts["etcd"] ?? result.message), index: 0 }
          : result;
      this.#refuse(res, refusal);
      count.failed(KEYS_ERRORS[refusal.code].http);
      return;
    }
    const { event, index } = result;
    const { action } = event;
    const isCreated = action === "create" || (action === "set" && event.prevNode === undefined);
    const isWrite =
      isCreated || action === "set" || action === "update" || action === "compareAndSwap";
    let body: string;
    try {
      body = noValue && isWrite ? encodeAction(event) : encodeEvent(event);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error; // longer than an answer can be
      this.#refuse(res, { code: 300, cause: `${error.message}; ask for less`, index });
      count.failed(KEYS_ERRORS[300].http);
      return;
    }
    res.send(isCreated ? 201 : 200, this.#headers(index), body);
    count.done();
  }

  #headers(etcdIndex: number): string[] {
    return [
      "Content-Type",
      "application/json",
      "X-Etcd-Cluster-Id",
      this.#clusterId,
      "X-Etcd-Index",
      String(etcdIndex),
      "X-Raft-Index",
      String(this.#server.raftIndex),
      "X-Raft-Term",
      String(this.#server.term),
    ];
  }

  #refuse(res: HttpResponse, refusal: Refusal): void {
    const headers = [
      "Content-Type",
      "application/json",
      "X-Etcd-Cluster-Id",
      this.#clusterId,
      "X-Etcd-Index",
      String(refusal.index),
    ];
    res.send(KEYS_ERRORS[refusal.code].http, headers, encodeRefusal(refusal));
  }

  #watch(request: Extract<KeysRequest, { kind: "watch" }>, res: HttpResponse): void {
    const past: KeyEvent[] = [];
    let tell = (event: KeyEvent): void => void past.push(event);
    const notify = (event: KeyEvent): void => tell(event);
    const { answers, fromIndex } = request;
    const stop =
      answers === "once"
        ? this.#server.watchOnce(request, fromIndex, notify)
        : this.#server.watchAll(request, fromIndex, notify);
    if (typeof stop !== "function") {
      this.#refuse(res, stop);
      return;
    }
    this.#watches.add(res);
    res.onClose(() => {
      this.#watches.delete(res);
      stop();
    });
    res.begin(200, this.#headers(this.#server.etcdIndex)); // the client shall know that the watch stands
    tell = this.#teller(answers, res, stop);
    for (const event of past) tell(event);
  }

  #teller(answers: WatchAnswers, res: HttpResponse, stop: () => void): (event: KeyEvent) => void {
    switch (answers) {
      case "once":
        return (event) => res.end(this.#encode(event));
      case "stream":
        return (event) => {
          if (res.unreadBytes < UNREAD_MAX_BYTES) res.write(this.#encode(event));
          else res.end();
        };
      case "batch": {
        let lines = "";
        return (event) => {
          // What is applied in one go, or was there already, is told in this same turn: one answer for all.
          if (lines === "")
            queueMicrotask(() => {
              stop();
              res.end(lines);
            });
          if (lines.length < UNREAD_MAX_BYTES) lines += this.#encode(event);
        };
      }
      default:
        return answers satisfies never;
    }
  }

  /** Once for all who watch it. */
  #encode(event: KeyEvent): string {
    let text = this.#encoded.get(event);
    if (text === undefined) this.#encoded.set(event, (text = encodeEvent(event)));
    return text;
  }

  /** Breaks the connections, since an end without an event would read as an answer. */
  #endWatchesWith(following: AbortSignal): void {
    const end = () => {
      for (const res of this.#watches) res.destroy();
      if (this.#server.following !== following) this.#endWatchesWith(this.#server.following);
    };
    following.addEventListener("abort", end, { once: true });
  }
}

const NOT_ALLOWED: Refusal = { code: 110, cause: "Insufficient credentials", index: 0 };

const FORM = "application/x-www-form-urlencoded";
const NO_BODY: MediaType = { type: "" };

function bodyType(req: HttpRequest): MediaType {
  const text = req.header("content-type");
  if (text === FORM) return { type: FORM };
  return text ? parseMediaType(text) : NO_BODY;
}

/** Whether one small request would make directories whose names together are beyond what a snapshot should hold. */
function isTooDeep(path: string): boolean {
  return path.length > 4096 && path.length * path.split("/").length > NAMES_LENGTH_MAX;
}
