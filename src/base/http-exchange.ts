import type { HeaderList, HttpRequest, HttpResponse } from "#base/http.ts";
import {
  chunk,
  dateLine,
  hasBody,
  headerLines,
  LAST_CHUNK,
  statusLine,
} from "#base/http-answer.ts";
import type { FieldBlock, RequestHead } from "#base/http-head.ts";

/** What an exchange needs of the connection that it is on. */
export interface Carrier {
  readonly peerCommonName: string | undefined;
  readonly remoteAddress: string | undefined;
  readonly unreadBytes: number;
  /** See HttpRequest.readBody. */
  readBody(maxBytes: number, done: (body: string | undefined) => void): void;
  /** Whether another request can follow this one's body. Nobody reads the body after this. */
  canFollowBody(): boolean;
  /** Sends soon, together with what else is written in this turn. */
  write(text: string): void;
  /** Sends the last of the answer. */
  finish(text: string, closes: boolean): void;
  destroy(): void;
}

/** One request and its answer. After the answer's end, or the client's, nothing that is called has an effect. */
export class HttpExchange implements HttpRequest, HttpResponse {
  readonly method: string;
  readonly target: string;
  readonly #fields: FieldBlock;
  readonly #carrier: Carrier;
  #state: "waiting" | "begun" | "over" = "waiting";
  #closes: boolean;
  #added = "";
  #gone: (() => void)[] | undefined;

  constructor(head: RequestHead, carrier: Carrier) {
    this.method = head.method;
    this.target = head.target;
    this.#fields = head.fields;
    this.#closes = head.fields.closes;
    this.#carrier = carrier;
  }

  get peerCommonName(): string | undefined {
    return this.#carrier.peerCommonName;
  }

  get remoteAddress(): string | undefined {
    return this.#carrier.remoteAddress;
  }

  get unreadBytes(): number {
    return this.#carrier.unreadBytes;
  }

  /** Whether the head of the answer is sent and its end is not. */
  get isBegun(): boolean {
    return this.#state === "begun";
  }

  header(name: string): string | undefined {
    return this.#fields.values.get(name);
  }

  readBody(maxBytes: number, done: (body: string | undefined) => void): void {
    if (this.#state !== "over") this.#carrier.readBody(maxBytes, done);
  }

  addHeaders(headers: HeaderList): void {
    this.#added += headerLines(headers);
  }

  send(status: number, headers: HeaderList, body: string): void {
    if (this.#state !== "waiting") return;
    const canHaveBody = hasBody(status);
    const length = canHaveBody ? `Content-Length: ${Buffer.byteLength(body)}\r\n` : "";
    const head = this.#head(status, headers, length);
    const isBodySent = canHaveBody && this.method !== "HEAD";
    this.#end(isBodySent ? head + body : head);
  }

  begin(status: number, headers: HeaderList): void {
    if (this.#state !== "waiting") return;
    this.#closes ||= this.#fields.isHttp10; // which knows no other end of such an answer
    const coding = this.#fields.isHttp10 ? "" : "Transfer-Encoding: chunked\r\n";
    this.#carrier.write(this.#head(status, headers, coding));
    this.#state = "begun";
  }

  write(text: string): void {
    if (this.#state === "begun") this.#carrier.write(this.#piece(text));
  }

  end(text = ""): void {
    if (this.#state !== "begun") return;
    const isChunked = !this.#fields.isHttp10 && this.method !== "HEAD";
    this.#end(this.#piece(text) + (isChunked ? LAST_CHUNK : ""));
  }

  destroy(): void {
    if (this.#state === "over") return;
    this.#carrier.destroy();
  }

  closeAfter(): void {
    this.#closes = true;
  }

  onClose(gone: () => void): void {
    if (this.#state === "over") gone();
    else (this.#gone ??= []).push(gone);
  }

  /** Says that nothing of it can be sent any more. */
  leave(): void {
    if (this.#state === "over") return;
    this.#state = "over";
    for (const gone of this.#gone ?? []) gone();
  }

  #end(text: string): void {
    this.#carrier.finish(text, this.#closes);
    this.leave();
  }

  #piece(text: string): string {
    if (text === "" || this.method === "HEAD") return "";
    return this.#fields.isHttp10 ? text : chunk(text);
  }

  #head(status: number, headers: HeaderList, framing: string): string {
    const { isHttp10 } = this.#fields;
    this.#closes = !this.#carrier.canFollowBody() || this.#closes;
    let connection = "";
    if (this.#closes !== isHttp10)
      connection = `Connection: ${isHttp10 ? "keep-alive" : "close"}\r\n`;
    return `${statusLine(status, isHttp10)}${this.#added}${headerLines(headers)}${dateLine(Date.now())}${framing}${connection}\r\n`;
  }
}
