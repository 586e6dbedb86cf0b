import { ByteBuffer, ChunkReader } from "#base/http-body.ts";
import {
  BAD_REQUEST,
  CHUNKED,
  HEAD_TOO_LARGE,
  HeadParser,
  type HttpRefusal,
  isRefusal,
  type RequestHead,
} from "#base/http-head.ts";

/** As Go's net/http allows (DefaultMaxHeaderBytes and its slack). */
const HEAD_MAX_BYTES = (1 << 20) + 4096;

/** Most heads end within so much. */
const HEAD_USUAL_BYTES = 1024;

/** The body has more bytes than were asked for. */
export const TOO_LARGE: HttpRefusal = {
  status: "413 Request Entity Too Large",
  text: "413 Request Entity Too Large",
};

const NOTHING: Buffer = Buffer.alloc(0);
/** A method, or half of an empty line: not TLS, and nothing else that never ends. */
const HEAD_START = /^(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]|\r$)/;

/**
 * Requests out of the bytes of one connection, however they are cut; pure. By turns: a head, then its body, which the
 * next head skips when nobody has asked for it.
 */
export class RequestParser {
  readonly #heads = new HeadParser();
  /** What is not read yet is #bytes from #at to #end. */
  #bytes: Buffer = NOTHING;
  #at = 0;
  #end = 0;
  #isOwn = false;
  /** How much of what is not read yet holds no end of a head. */
  #searched = 0;
  /** What is to come of the body of a known length. */
  #bodyLeft = 0;
  #chunks: ChunkReader | undefined;
  #body: ByteBuffer | undefined;
  /** Whether the body is passed over, since it is known to be too long. */
  #isTooLong = false;

  /** Bytes that are not read yet. */
  get unreadBytes(): number {
    return this.#end - this.#at;
  }

  /** Bytes of the body that are yet to be read, as far as is known. */
  get bodyLeftBytes(): number {
    return this.#chunks === undefined ? this.#bodyLeft : Number.POSITIVE_INFINITY;
  }

  /** Adds what has come. `bytes` may not change any more. */
  push(bytes: Buffer): void {
    const unread = this.unreadBytes;
    if (unread === 0) {
      this.#bytes = bytes;
      this.#at = 0;
      this.#end = bytes.length;
      this.#isOwn = false;
      return;
    }
    if (!this.#isOwn || this.#end + bytes.length > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(2 * unread, unread + bytes.length));
      this.#bytes.copy(grown, 0, this.#at, this.#end);
      this.#bytes = grown;
      this.#at = 0;
      this.#end = unread;
      this.#isOwn = true;
    }
    bytes.copy(this.#bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The head of the next request; undefined when more has to come. After a refusal nothing can be read any more. */
  readHead(): RequestHead | HttpRefusal | undefined {
    if (this.bodyLeftBytes > 0) {
      const refusal = this.skipBody();
      if (refusal !== undefined || this.bodyLeftBytes > 0) return refusal;
    }
    this.#skipEmptyLines();
    const text = this.#headText();
    if (typeof text !== "string") return text;
    const head = this.#heads.parse(text);
    if (isRefusal(head)) return head;
    this.#read(this.#at + text.length);
    this.#isTooLong = false;
    const { length } = head.fields;
    if (length === CHUNKED) this.#chunks = new ChunkReader();
    else this.#bodyLeft = length;
    return head;
  }

  /**
   * The whole body of the request whose head was read; undefined when more has to come. TOO_LARGE when it has more than
   * `maxBytes`.
   */
  readBody(maxBytes: number): string | HttpRefusal | undefined {
    if (this.#chunks === undefined && this.#body === undefined) {
      this.#isTooLong ||= this.#bodyLeft > maxBytes;
      if (this.#isTooLong) {
        this.skipBody();
        return this.#bodyLeft > 0 ? undefined : TOO_LARGE;
      }
      const end = this.#at + this.#bodyLeft;
      if (end <= this.#end) {
        const text = this.#bytes.toString("utf8", this.#at, end);
        this.#bodyLeft = 0;
        this.#read(end);
        return text;
      }
    }
    const body = (this.#body ??= new ByteBuffer());
    const refusal = this.#readOn((bytes, start, end) => {
      const room = maxBytes + 1 - body.size;
      if (room > 0) body.add(bytes, start, Math.min(end, start + room));
    });
    if (refusal) return refusal;
    if (body.size > maxBytes) return TOO_LARGE;
    if (this.bodyLeftBytes > 0) return undefined;
    this.#body = undefined;
    return body.bytes().toString();
  }

  /** Passes over what is there of the body. */
  skipBody(): HttpRefusal | undefined {
    this.#body = undefined;
    return this.#readOn(() => {});
  }

  #readOn(take: (bytes: Buffer, start: number, end: number) => void): HttpRefusal | undefined {
    if (this.#chunks === undefined) {
      const end = Math.min(this.#end, this.#at + this.#bodyLeft);
      take(this.#bytes, this.#at, end);
      this.#bodyLeft -= end - this.#at;
      this.#read(end);
      return undefined;
    }
    this.#read(this.#chunks.read(this.#bytes, this.#at, this.#end, take));
    if (this.#chunks.isBad) return BAD_REQUEST;
    if (this.#chunks.isAtEnd) this.#chunks = undefined;
    return undefined;
  }

  #read(to: number): void {
    this.#at = to;
    this.#searched = 0;
    if (this.#at === this.#end) {
      this.#bytes = NOTHING; // an idle connection holds no memory
      this.#at = this.#end = 0;
    }
  }

  /** RFC 9112 section 2.2: some clients send empty lines between requests. */
  #skipEmptyLines(): void {
    let at = this.#at;
    while (at + 1 < this.#end && this.#bytes[at] === 13 && this.#bytes[at + 1] === 10) at += 2;
    if (at > this.#at) this.#read(at);
  }

  /** The text up to and with the empty line that ends a head. */
  #headText(): string | HttpRefusal | undefined {
    if (this.unreadBytes === 0) return undefined;
    const unread = this.#bytes.subarray(this.#at, this.#end);
    if (this.#searched === 0) {
      const text = unread.toString("latin1", 0, HEAD_USUAL_BYTES);
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) return text.slice(0, end + 4);
      if (!HEAD_START.test(text)) return BAD_REQUEST;
    }
    const end = unread.indexOf("\r\n\r\n", this.#searched);
    const size = end < 0 ? unread.length : end + 4;
    if (size > HEAD_MAX_BYTES) return HEAD_TOO_LARGE;
    if (end >= 0) return unread.toString("latin1", 0, size);
    if (hasBareLf(unread, this.#searched)) return BAD_REQUEST;
    this.#searched = Math.max(0, size - 3);
    return undefined;
  }
}

/** Such a line end would be waited for in vain. */
function hasBareLf(bytes: Buffer, from: number): boolean {
  for (let at = bytes.indexOf(10, from); at >= 0; at = bytes.indexOf(10, at + 1))
    if (bytes[at - 1] !== 13) return true;
  return false;
}
