import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { ReadStream } from "node:tty";
import { promisify } from "node:util";
import type { Clock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { collect } from "../read-user-data.ts";

const ANSWER_MS = 30_000;
/** End of transmission: ends every answer. */
const END = 0x04;
/** CloudSigma, "Server context": 115200 baud, 8 bits, no parity; raw, so that the line changes nothing. */
const LINE = ["115200", "raw", "cs8", "cread", "clocal", "-echo"];

/**
 * Asks the server behind a serial line once: `<`, newline, the query, newline, `>`; the answer ends with EOT.
 * @throws {Fault} SOURCE_FAILED, TIMED_OUT
 */
export async function askSerialPort(
  path: string,
  query: string,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<string> {
  const what = `read the server context from ${path}`;
  return await withDeadline({ ms: ANSWER_MS, clock, what, signal }, async (limit) => {
    try {
      return await exchange(path, `<\n${query}\n>`, limit);
    } catch (cause) {
      limit.throwIfAborted();
      const why = reasonOf(cause);
      throw new Fault("SOURCE_FAILED", `Cannot ${what}: ${why}`, { cause });
    }
  });
}

async function exchange(path: string, request: string, signal: AbortSignal): Promise<string> {
  const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
  const file = await open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
  await using stack = new AsyncDisposableStack();
  stack.use(file);
  await promisify(execFile)("stty", ["-F", path, ...LINE], { signal });
  const port = stack.adopt(new ReadStream(file.fd), (stream) => void stream.destroy());
  const abort = () => void port.destroy(new Error("the wait was given up"));
  signal.addEventListener("abort", abort, { once: true });
  stack.defer(() => signal.removeEventListener("abort", abort));
  port.write(request);
  return new TextDecoder().decode(await collect(untilEnd(port)));
}

async function* untilEnd(port: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array> {
  for await (const chunk of port) {
    const end = chunk.indexOf(END);
    if (end === -1) yield chunk;
    else {
      yield chunk.subarray(0, end);
      return;
    }
  }
  throw new Error("the line ended before the answer did");
}
