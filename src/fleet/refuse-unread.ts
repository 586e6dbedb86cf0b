import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

const STATUS: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Answers what cannot be read as HTTP, such as a path with bytes that are no ASCII, with the API's error body. */
export function refuseUnread(error: Error & { code?: string }, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const code = STATUS[error.code ?? ""] ?? 400;
  const message = `the request cannot be read as HTTP: ${error.message}`;
  const body = JSON.stringify({ error: { code, message } });
  const head = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code]}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
