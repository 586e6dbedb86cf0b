/**
 * HTTP/1.1 as the handlers of the keys protocol see it: nothing of sockets, so that what serves them can be as fast as
 * it needs to be. RFC 9110, RFC 9112.
 */
export type HttpHandler = (request: HttpRequest, response: HttpResponse) => void;

export interface HttpRequest {
  readonly method: string;
  /** Path and query as they were sent. */
  readonly target: string;
  /** The common name of the certificate that the client has shown and its authority vouches for. */
  readonly peerCommonName: string | undefined;
  /** The address the client comes from; undefined on a unix socket. */
  readonly remoteAddress: string | undefined;

  /** The value of a header field, `name` in lower case; several fields of one name are joined by a comma. */
  header(name: string): string | undefined;

  /**
   * Calls `done` once with the whole body, or undefined when it has more than `maxBytes`; not at all when the client
   * goes away.
   */
  readBody(maxBytes: number, done: (body: string | undefined) => void): void;
}

/** Either one `send`, or one `begin`, any number of `write` and an `end`. Nothing happens after the client is gone. */
export interface HttpResponse {
  /** Adds header fields to whatever answer follows, beside its own. */
  addHeaders(headers: HeaderList): void;
  /** A whole answer; of a HEAD request the body is counted but not sent. */
  send(status: number, headers: HeaderList, body: string): void;
  /** Sends the head of an answer whose length is yet unknown. */
  begin(status: number, headers: HeaderList): void;
  write(text: string): void;
  end(text?: string): void;
  /** Bytes that are written and that the client has not taken yet. */
  readonly unreadBytes: number;
  /** Breaks the connection, so that the client cannot take what came for a whole answer. */
  destroy(): void;
  /** Has the connection end after this answer. */
  closeAfter(): void;
  /** Calls `gone` once when the answer has ended or the client is gone. */
  onClose(gone: () => void): void;
}

/** Names and values by turns: `["Content-Type", "text/plain", …]`. */
export type HeaderList = readonly string[];
