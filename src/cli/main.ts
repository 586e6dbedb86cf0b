import { basename } from "node:path";
import { FAULTS, Fault } from "#base/fault.ts";
import { ShutdownRequested, shutdownSignal } from "#base/shutdown.ts";
import { FACES } from "#cli/faces.ts";
import type { Io } from "#cli/program.ts";
import { KeysError } from "#keys/core/keys-error.ts";

async function main(): Promise<number> {
  const [called, ...rest] = [
    basename(process.env["KEELSON_CALLED_AS"] ?? "keelson"),
    ...process.argv.slice(2),
  ];
  const [name, args] =
    called === "keelson" && rest[0] !== undefined && rest[0] in FACES
      ? [rest[0], rest.slice(1)]
      : [called, rest];
  const face = FACES[name] ?? FACES["keelson"];
  const program = await face!();
  try {
    const io: Io = {
      // Only who reads it opens it: an open pipe does not block any more, for whoever shares it either.
      get stdin() {
        return process.stdin;
      },
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
      cwd: workingDirectory(),
      signal: shutdownSignal(),
    };
    return await program(args, io);
  } catch (error) {
    if (error instanceof ShutdownRequested) return 130;
    const fault = error instanceof KeysError ? refusal(error) : error;
    if (!(fault instanceof Fault)) throw error;
    process.stderr.write(`${name}: ${fault.message}\n`);
    return FAULTS[fault.code].exit;
  }
}

/** What a store said no to, and nothing nearer has put into words. */
function refusal(cause: KeysError): Fault {
  const advice =
    cause.code === 110 ? "give a user who may, and the right password" : "look at what it names";
  return new Fault(
    "STORE_REFUSED",
    `Cannot go on: the store refuses with error ${cause.message}; ${advice}`,
    { cause },
  );
}

function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new Fault(
      "FILE_UNREADABLE",
      "Cannot start: the directory that this was called in has been removed; go to another one",
      { cause },
    );
  }
}

// A reader that went away, as in `etcdctl ls | head -1`, is the end of the work and no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  process.stderr.write(`Cannot write the output: ${error.message}\n`);
  process.exit(FAULTS.LOG_IO.exit);
});
process.exitCode = await main();
