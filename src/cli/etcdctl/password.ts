import { Writable } from "node:stream";
import type { Io } from "#cli/program.ts";

/** Asks for a password: on a terminal without showing it, else the next line of stdin; what follows stays there. */
export async function askPassword(io: Io, prompt: string): Promise<string> {
  io.stdout.write(prompt);
  const isTerminal = "isTTY" in io.stdin && io.stdin.isTTY === true;
  try {
    return await (isTerminal ? readHidden(io) : readLine(io.stdin));
  } finally {
    io.stdout.write("\n");
  }
}

async function readHidden({ stdin, signal }: Io): Promise<string> {
  const { createInterface } = await import("node:readline");
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  lines.once("line", resolve);
  lines.once("close", () => resolve("")); // the end of input, Ctrl-D
  lines.once("SIGINT", () => process.kill(process.pid, "SIGINT")); // the terminal sends none meanwhile
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  try {
    signal.throwIfAborted();
    return await promise;
  } finally {
    lines.close();
  }
}

async function readLine(stdin: Io["stdin"]): Promise<string> {
  const chunks: Buffer[] = [];
  const read: AsyncIterable<Buffer | string> = stdin.iterator({ destroyOnReturn: false });
  for await (const chunk of read) {
    const bytes = Buffer.from(chunk);
    const end = bytes.indexOf("\n");
    chunks.push(end < 0 ? bytes : bytes.subarray(0, end));
    if (end < 0) continue;
    if (end + 1 < bytes.length) stdin.unshift(bytes.subarray(end + 1));
    break;
  }
  stdin.pause(); // an open pipe that nobody reads keeps no program from ending
  return Buffer.concat(chunks).toString().replace(/\r$/, "");
}
