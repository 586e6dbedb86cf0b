import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { FAULTS, Fault } from "#base/fault.ts";
import { KeysError } from "#keys/core/keys-error.ts";

/** The longest request body; the longest unit file, twice for its being written as JSON. */
const BODY_BYTES_MAX = 2 * 1024 * 1024;

/** An answer of the fleet API that says no, with its HTTP status; the text may be empty, as the original's is. */
export class ApiRefusal extends Error {
  override readonly name = "ApiRefusal";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
  });
  response.end(text);
}

export function sendText(response: ServerResponse, type: string, text: string): void {
  response.writeHead(200, { "Content-Type": type, "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}

/** Text as it comes, no faster than it is read; nothing is sent before the first piece, which may yet be an error. */
export async function sendPieces(
  response: ServerResponse,
  pieces: AsyncIterable<string>,
  signal: AbortSignal,
): Promise<void> {
  const begin = () => response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8" });
  for await (const text of pieces) {
    if (!response.headersSent) begin();
    if (!response.write(text)) await once(response, "drain", { signal });
  }
  if (!response.headersSent) begin();
  response.end();
}

export function sendEmpty(response: ServerResponse, status: number): void {
  response.writeHead(status, status === 204 ? {} : { "Content-Length": 0 });
  response.end();
}

/** The error body of the fleet API for whatever went wrong; a plain Error is a fault of ours. */
export function sendError(response: ServerResponse, error: unknown): void {
  const { status, message } = refusalOf(error);
  if (response.headersSent) response.destroy();
  else sendJson(response, status, { error: { code: status, message } });
}

export function refusalOf(error: unknown): { status: number; message: string } {
  if (error instanceof ApiRefusal) return error;
  if (error instanceof Fault) {
    const { message } = error;
    // What clients of the original look for.
    return error.code === "STORE_UNAVAILABLE"
      ? { status: 503, message: `fleet server unable to communicate with etcd: ${message}` }
      : { status: FAULTS[error.code].http, message };
  }
  if (error instanceof KeysError) return { status: 409, message: error.message };
  return { status: 500, message: "" };
}

/** The text of a JSON body. */
export async function jsonBody(request: IncomingMessage): Promise<string> {
  const types = request.headersDistinct["content-type"] ?? [];
  if (types.length !== 1) throw new ApiRefusal(415, `expected 1 Content-Type, got ${types.length}`);
  if (types[0]?.split(";")[0]?.trim() !== "application/json")
    throw new ApiRefusal(415, "only acceptable Content-Type is application/json");
  return bodyText(request);
}

/** The text of a body, whatever the client says that it is. */
export async function bodyText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > BODY_BYTES_MAX)
      throw new ApiRefusal(413, `request body is longer than ${BODY_BYTES_MAX} bytes`);
  }
  return Buffer.concat(chunks).toString("utf8");
}
