import { basename } from "node:path";
import { FAULTS, Fault } from "#base/fault.ts";
import { ShutdownRequested, shutdownSignal } from "#base/shutdown.ts";
import { FACES } from "#cli/faces.ts";
import type { Io } from "#cli/program.ts";

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
      stdin: process.stdin,
      stdout: process.stdout,
      stderr: process.stderr,
      env: process.env,
      cwd: workingDirectory(),
      signal: shutdownSignal(),
    };
    return await program(args, io);
  } catch (error) {
    if (error instanceof ShutdownRequested) return 130;
    if (!(error instanceof Fault)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    return FAULTS[error.code].exit;
  }
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
