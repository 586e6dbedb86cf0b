import { Writable } from "node:stream";
import { type Io, isTerminal } from "#cli/program.ts";

/** Asks for a password: on a terminal without showing it, else the next line of stdin; what follows stays there. */
export async function askPassword(io: Io, prompt: string): Promise<string> {
  if (isTerminal(io.stdin)) return readHidden(io, prompt);
  io.stdout.write(prompt);
  const password = await readLine(io.stdin);
  io.stdout.write("\n");
  return password;
}

async function readHidden({ stdin, stdout, signal }: Io, prompt: string): Promise<string> {
  const { createInterface } = await import("node:readline");
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  // From here on the terminal shows nothing; who types as soon as asked is not shown either.
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  lines.once("line", resolve);
  lines.once("close", () => resolve("")); // the end of input, Ctrl-D
  lines.once("SIGINT", () => process.kill(process.pid, "SIGINT")); // the terminal sends none meanwhile
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    stdout.write(prompt);
    return await promise;
  } finally {
    signal.removeEventListener("abort", abort);
    lines.close();
    stdout.write("\n");
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
