/** The head of a request, RFC 9112 sections 2 to 7, as strict as the RFC allows; pure. */

/** Of a body that is sent in chunks. */
export const CHUNKED = -1;

/** What a request says before its body. */
export interface RequestHead {
  readonly method: string;
  /** Path and query, percent escapes as they were sent; or `*`. */
  readonly target: string;
  readonly fields: FieldBlock;
}

/** The version and the header fields of a request, which are mostly those of the client's last one. */
export interface FieldBlock {
  readonly isHttp10: boolean;
  /** By name in lower case; several fields of one name are joined by a comma. */
  readonly values: ReadonlyMap<string, string>;
  /** Bytes of the body; or CHUNKED. */
  readonly length: number;
  /** Whether the client ends the connection after the answer. */
  readonly closes: boolean;
  /** Whether the client sends the body when it is asked to. */
  readonly expectsContinue: boolean;
}

/** Why a request is none: the status line and the text that Go's net/http answers with, before it ends the connection. */
export interface HttpRefusal {
  readonly status: string;
  readonly text: string;
}

/** Whether it is a refusal. */
export function isRefusal(value: object): value is HttpRefusal {
  return "status" in value;
}

export const BAD_REQUEST: HttpRefusal = refusal("400 Bad Request");
export const HEAD_TOO_LARGE: HttpRefusal = refusal("431 Request Header Fields Too Large");
const BAD_VERSION = refusal("505 HTTP Version Not Supported: unsupported protocol version");
const NO_HOST = refusal("400 Bad Request: missing required Host header");
const BAD_HOST = refusal("400 Bad Request: malformed Host header");
const BAD_NAME = refusal("400 Bad Request: invalid header name");
const BAD_VALUE = refusal("400 Bad Request: invalid header value");
const BAD_EXPECT: HttpRefusal = { status: "417 Expectation Failed", text: "" };
const BAD_ENCODING: HttpRefusal = {
  status: "501 Not Implemented",
  text: "Unsupported transfer encoding",
};

function refusal(text: string): HttpRefusal {
  return { status: text, text };
}

/** ` HTTP/1.1`, at the end of a request line. */
const VERSION_LENGTH = 9;
const VERSION = /^ HTTP\/(\d)\.(\d)\r\n/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The parser of one connection's heads. */
export class HeadParser {
  #tail = "";
  #fields: FieldBlock | undefined;

  /** @param text everything up to and with the empty line, as Latin-1 */
  parse(text: string): RequestHead | HttpRefusal {
    const space = text.indexOf(" ");
    const tailAt = text.indexOf("\r\n") - VERSION_LENGTH;
    if (space < 1 || tailAt < space) return BAD_REQUEST;
    const method = text.slice(0, space);
    if (!TOKEN.test(method)) return BAD_REQUEST;
    const target = readTarget(text.slice(space + 1, tailAt));
    if (target === undefined) return BAD_REQUEST;
    const tail = text.slice(tailAt);
    if (this.#fields === undefined || tail !== this.#tail) {
      const fields = readTail(tail);
      if (isRefusal(fields)) return fields;
      this.#fields = fields;
      this.#tail = tail;
    }
    return { method, target, fields: this.#fields };
  }
}

const PLAIN_TARGET = /^\/[!-$&-~]*$/;
const TARGET = /^[!-~\x80-\xff]+$/;
const BAD_ESCAPE = /%(?![0-9a-fA-F]{2})/;
const SCHEME = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//;
/** RFC 3986 section 3.2. */
const AUTHORITY =
  /^(?:[\w.~!$&'()*+,;=:%-]*@)?(?:\[[\dA-Fa-f:.%]*\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/;

/** The origin form of a target; undefined when it is none. */
function readTarget(text: string): string | undefined {
  if (PLAIN_TARGET.test(text) || text === "*") return text;
  if (!TARGET.test(text)) return undefined;
  const path = text.startsWith("/") ? text : withoutOrigin(text);
  if (path === undefined) return undefined;
  const question = path.indexOf("?");
  if (BAD_ESCAPE.test(question < 0 ? path : path.slice(0, question))) return undefined;
  return asUtf8(path);
}

/** What follows scheme and authority of an absolute target. */
function withoutOrigin(text: string): string | undefined {
  const scheme = SCHEME.exec(text)?.[0];
  if (scheme === undefined) return undefined;
  const length = text.slice(scheme.length).search(/[/?]|$/);
  const end = scheme.length + length;
  if (!AUTHORITY.test(text.slice(scheme.length, end))) return undefined;
  return text[end] === "/" ? text.slice(end) : `/${text.slice(end)}`;
}

/** Text that was read as Latin-1, read as UTF-8. */
function asUtf8(text: string): string {
  return Buffer.from(text, "latin1").toString();
}

const BARE_LF = /[^\r]\n/;

/** @param tail ` HTTP/1.1` and all that follows it */
function readTail(tail: string): FieldBlock | HttpRefusal {
  const version = VERSION.exec(tail);
  if (version === null || BARE_LF.test(tail)) return BAD_REQUEST;
  const lines = tail.slice(version[0].length, -2).split("\r\n");
  lines.pop(); // every line ends with its CRLF
  const values = readFields(lines);
  if (isRefusal(values)) return values;
  return blockOf(values, { isHttp10: version[2] === "0", isHttp1: version[1] === "1" });
}

/** The values of header lines, or what is wrong with the first that is malformed. */
export function readFields(lines: readonly string[]): Map<string, string> | HttpRefusal {
  const values = new Map<string, string>();
  let problem: HttpRefusal | undefined;
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon < 1 || line.startsWith(" ") || line.startsWith("\t")) return BAD_REQUEST;
    const name = line.slice(0, colon).toLowerCase();
    const value = trimBlanks(line.slice(colon + 1));
    if (!TOKEN.test(name)) problem ??= BAD_NAME;
    else if (!VALUE.test(value)) problem ??= BAD_VALUE;
    const before = values.get(name);
    if (before !== undefined && SINGLE.has(name))
      return name === "transfer-encoding" ? BAD_ENCODING : BAD_REQUEST;
    values.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return problem ?? values;
}

/** No control character but the tab, RFC 9110 section 5.5; a bare CR or LF is one. */
const VALUE = /^[\t -~\x80-\xff]*$/;

/** A second one would make it doubtful where the request ends or whom it is for. */
const SINGLE: ReadonlySet<string> = new Set(["host", "content-length", "transfer-encoding"]);

function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start += 1;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

const DIGITS = /^\d{1,15}$/;
/** The characters that Go allows in a Host field. */
const HOST = /^[0-9A-Za-z!$%&'()*+,\-.:;=[\]_~]*$/;

function blockOf(
  values: ReadonlyMap<string, string>,
  { isHttp1, isHttp10 }: { readonly isHttp1: boolean; readonly isHttp10: boolean },
): FieldBlock | HttpRefusal {
  const length = bodyLength(values, isHttp10);
  if (typeof length !== "number") return length;
  if (!isHttp1) return BAD_VERSION;
  const host = values.get("host");
  if (host === undefined && !isHttp10) return NO_HOST;
  if (host !== undefined && !HOST.test(host)) return BAD_HOST;
  const expect = values.get("expect")?.toLowerCase();
  if (expect !== undefined && expect !== "100-continue") return BAD_EXPECT;
  const options = values.get("connection")?.toLowerCase().split(",").map(trimBlanks) ?? [];
  return {
    isHttp10,
    values,
    length,
    closes: options.includes("close") || (isHttp10 && !options.includes("keep-alive")),
    expectsContinue: expect !== undefined && !isHttp10 && length !== 0,
  };
}

/** RFC 9112 section 6.3, without the cases in which two readers of one request might disagree. */
function bodyLength(values: ReadonlyMap<string, string>, isHttp10: boolean): number | HttpRefusal {
  const encoding = values.get("transfer-encoding");
  const length = values.get("content-length");
  if (encoding === undefined) {
    if (length === undefined) return 0;
    return DIGITS.test(length) ? Number(length) : BAD_REQUEST;
  }
  if (isHttp10 || length !== undefined) return BAD_REQUEST;
  return encoding.toLowerCase() === "chunked" ? CHUNKED : BAD_ENCODING;
}
