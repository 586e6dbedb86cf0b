import type { Socket } from "node:net";
import type { HttpHandler } from "#base/http.ts";
import { type Carrier, HttpExchange } from "#base/http-exchange.ts";
import { BAD_REQUEST, type HttpRefusal, isRefusal, type RequestHead } from "#base/http-head.ts";
import { RequestParser } from "#base/http-parser.ts";
import { commonNameOf } from "#base/tls.ts";

/** A body that nobody read is passed over when it is no longer than this, as by Go's net/http; else the connection ends. */
const SKIPPED_MAX_BYTES = 256 << 10;

/** What a client may send ahead while it waits for an answer. */
const AHEAD_MAX_BYTES = 64 << 10;

/** Answers to requests that came together are sent together up to about this length. */
const TOGETHER_MAX_LENGTH = 64 << 10;

/** How long the client gets to end it after all was sent before the connection is cut, as by Go's net/http. */
const LINGER_MS = 500;

/** The rest of a request has to come within this time (etcd 2.3, read timeout). */
const REQUEST_WITHIN_MS = 5 * 60_000;

/**
 * HTTP/1.1 on one socket: requests one after another, as etcd's clients expect, so that an answer never overtakes
 * another one and a read sees the write that was sent before it.
 */
export class HttpConnection implements Carrier {
  readonly #socket: Socket;
  readonly #handle: HttpHandler;
  readonly #parser = new RequestParser();
  #exchange: HttpExchange | undefined;
  #body:
    | { readonly maxBytes: number; readonly done: (body: string | undefined) => void }
    | undefined;
  /** Whether the client waits for a word before it sends the body. */
  #isBodyAwaited = false;
  #out = "";
  #isFlushDue = false;
  #isAdvancing = false;
  #hasClientEnded = false;
  /** Whether no request is served after the one under way. */
  #isLast = false;
  #isEnding = false;
  /** Since when, on the monotonic clock, the rest of a request is awaited. */
  #partSinceMs: number | undefined;
  #commonName: string | undefined | null = null;

  constructor(socket: Socket, handle: HttpHandler) {
    this.#socket = socket;
    this.#handle = handle;
    socket.on("data", (bytes: Buffer) => this.#received(bytes));
    socket.on("end", () => this.#clientEnded());
    socket.on("drain", () => this.#advance());
    socket.on("error", () => {}); // "close" follows
    socket.on("close", () => this.#exchange?.leave());
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  get peerCommonName(): string | undefined {
    if (this.#commonName === null) this.#commonName = commonNameOf(this.#socket);
    return this.#commonName;
  }

  get unreadBytes(): number {
    return this.#socket.writableLength + this.#out.length;
  }

  readBody(maxBytes: number, done: (body: string | undefined) => void): void {
    if (this.#isBodyAwaited) {
      this.#isBodyAwaited = false;
      this.write("HTTP/1.1 100 Continue\r\n\r\n");
    }
    this.#body = { maxBytes, done };
    this.#readBody();
  }

  canFollowBody(): boolean {
    this.#body = undefined;
    if (this.#isBodyAwaited) return false; // it may come or not
    if (this.#parser.bodyLeftBytes === 0) return true;
    const refusal = this.#parser.skipBody();
    return refusal === undefined && this.#parser.bodyLeftBytes <= SKIPPED_MAX_BYTES;
  }

  write(text: string): void {
    this.#out += text;
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => this.#flush());
  }

  finish(text: string, closes: boolean): void {
    this.#out += text;
    this.#exchange = undefined;
    this.#isBodyAwaited = false;
    if (closes || this.#isLast) this.#end();
    else if (!this.#isAdvancing) this.#advance();
  }

  destroy(): void {
    this.#out = "";
    this.#isEnding = true;
    this.#socket.destroy();
    this.#exchange?.leave();
  }

  /** Ends an idle connection at once, another one after its answer. */
  finishSoon(): void {
    this.#isLast = true;
    if (this.#exchange) this.#exchange.closeAfter();
    else this.#socket.destroySoon();
  }

  /** Cuts off a client that does not end its request. */
  checkTime(nowMs: number): void {
    if (this.#partSinceMs !== undefined && nowMs - this.#partSinceMs > REQUEST_WITHIN_MS)
      this.destroy();
  }

  #received(bytes: Buffer): void {
    if (this.#isEnding) return;
    this.#parser.push(bytes);
    if (this.#body) this.#readBody();
    if (this.#exchange === undefined) this.#advance();
    else if (this.#parser.unreadBytes > AHEAD_MAX_BYTES) this.#socket.pause();
  }

  #readBody(): void {
    if (this.#body === undefined) return;
    const body = this.#parser.readBody(this.#body.maxBytes);
    this.#noteTime(body === undefined);
    if (body === undefined) {
      if (this.#hasClientEnded) this.#refuse(BAD_REQUEST);
      else this.#resume();
      return;
    }
    const { done } = this.#body;
    this.#body = undefined;
    if (typeof body === "string") done(body);
    else if (body === BAD_REQUEST) this.#refuse(body);
    else done(undefined);
  }

  /** Serves requests for as long as they are there, each after the one before. */
  #advance(): void {
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    while (this.#exchange === undefined && !this.#isEnding && !this.#socket.writableNeedDrain) {
      const head = this.#parser.readHead();
      if (head === undefined) break;
      if (isRefusal(head)) this.#refuse(head);
      else this.#serve(head);
      if (this.#out.length > TOGETHER_MAX_LENGTH) this.#flush();
    }
    this.#isAdvancing = false;
    this.#flush();
    if (this.#exchange !== undefined || this.#isEnding) return;
    const isPart = this.#parser.unreadBytes > 0 || this.#parser.bodyLeftBytes > 0;
    this.#noteTime(isPart);
    if (this.#socket.writableNeedDrain) this.#socket.pause();
    else if (this.#hasClientEnded) this.#endAfterClient(isPart);
    else this.#resume();
  }

  #serve(head: RequestHead): void {
    this.#noteTime(false);
    const exchange = new HttpExchange(head, this);
    this.#exchange = exchange;
    this.#isBodyAwaited = head.fields.expectsContinue;
    if (head.target !== "*") this.#handle(exchange, exchange);
    else {
      // As Go's net/http answers for the server as a whole.
      if (head.method !== "OPTIONS") exchange.closeAfter();
      exchange.send(head.method === "OPTIONS" ? 200 : 400, [], "");
    }
  }

  #clientEnded(): void {
    this.#hasClientEnded = true;
    if (this.#isEnding) return;
    if (this.#exchange === undefined) this.#advance();
    else if (this.#body) this.#readBody();
    else if (this.#exchange.isBegun) this.#exchange.end(); // a watch, whose client waits no more
  }

  #endAfterClient(isPart: boolean): void {
    if (isPart) this.#refuse(BAD_REQUEST);
    else this.#end();
  }

  #refuse({ status, text }: HttpRefusal): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    exchange?.leave();
    this.#out += `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${text}`;
    this.#end();
  }

  /** Ends it from this side; what the client still sends is thrown away, so that the last answer reaches it. */
  #end(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#noteTime(false);
    const text = this.#out;
    this.#out = "";
    this.#socket.once("finish", () => {
      const limit = setTimeout(() => this.#socket.destroy(), LINGER_MS);
      this.#socket.once("close", () => clearTimeout(limit));
    });
    this.#socket.end(text);
    this.#socket.resume();
  }

  #flush(): void {
    this.#isFlushDue = false;
    if (this.#out === "") return;
    const text = this.#out;
    this.#out = "";
    this.#socket.write(text);
  }

  #resume(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  #noteTime(isPart: boolean): void {
    if (isPart) this.#partSinceMs ??= performance.now();
    else this.#partSinceMs = undefined;
  }
}
