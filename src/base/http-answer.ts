import type { HeaderList } from "#base/http.ts";

/** What an answer is written as, in the words of Go's net/http. */

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  301: "Moved Permanently",
  302: "Found",
  304: "Not Modified",
  307: "Temporary Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  412: "Precondition Failed",
  413: "Request Entity Too Large",
  417: "Expectation Failed",
  429: "Too Many Requests",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

export function statusLine(status: number, isHttp10: boolean): string {
  const reason = REASONS[status] ?? `status code ${status}`;
  return `HTTP/1.${isHttp10 ? "0" : "1"} ${status} ${reason}\r\n`;
}

/** Whether an answer of this status may have a body, RFC 9110 section 6.4.1. */
export function hasBody(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
}

const LINE_BREAK = /[\r\n]/;

/** @throws {TypeError} when a value would end its line: whoever made it forgot to escape what a client sent. */
export function headerLines(headers: HeaderList): string {
  let lines = "";
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const value = headers[at + 1] ?? "";
    if (LINE_BREAK.test(value)) throw new TypeError(`header ${headers[at]} holds a line break`);
    lines += `${headers[at]}: ${value}\r\n`;
  }
  return lines;
}

let dateSecond = 0;
let date = "";

/** The Date field at `nowMs`, made once a second. */
export function dateLine(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    date = `Date: ${new Date(nowMs).toUTCString()}\r\n`;
  }
  return date;
}

/** One piece of an answer whose length is not known, RFC 9112 section 7.1. Not for an empty text, which ends it. */
export function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

export const LAST_CHUNK = "0\r\n\r\n";
