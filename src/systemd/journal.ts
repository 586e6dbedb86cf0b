import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { Fault } from "#base/fault.ts";
import { type Environment, startProgram } from "#systemd/child.ts";

/** Which lines of the journal, and how they are printed. */
export interface JournalQuery {
  readonly unit: string;
  /** Whether the host's manager runs the unit, or a user's. */
  readonly scope: "system" | "user";
  /** The latest lines only; when not given all of them, or ten when following. */
  readonly lines?: number;
  /** From then, until then, in journalctl's words, systemd.time(7). */
  readonly since?: string;
  readonly until?: string;
  /** Only lines that this regular expression matches. */
  readonly grep?: string;
  /** A format of journalctl's `--output`, such as `short`, `cat` or `json`; `short` when not given. */
  readonly output?: string;
  /** The journal's files, when they are not the machine's own. */
  readonly directory?: string;
  /** Of the `journalctl` process; `XDG_RUNTIME_DIR` and `PATH` count. */
  readonly env: Environment;
}

/**
 * What the journal holds of a unit, as `journalctl` prints it, in pieces as they are read.
 * @throws {Fault} SYSTEMD_MISSING without journalctl, USAGE for what the query asks wrongly, SYSTEMD_FAILED otherwise
 */
export async function* readJournal(
  query: JournalQuery,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const { complaint, exitStatus } = yield* printed(query, argumentsFor(query), signal, (stdout) =>
    stdout.setEncoding("utf8"),
  );
  signal.throwIfAborted();
  // By 1 without a complaint it says that nothing matches.
  if (exitStatus !== 0 && complaint !== "") throw refused(query, complaint);
}

/**
 * The latest lines of this boot, then each new one when it is written, until the signal aborts or the caller stops.
 * @throws {Fault} SYSTEMD_MISSING without journalctl, USAGE for what the query asks wrongly, SYSTEMD_FAILED when it
 *   refuses otherwise (as while the journal has no entry of this boot at all) or ends by itself
 */
export async function* followJournal(
  query: JournalQuery,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  if (signal.aborted) return;
  const args = ["--follow", ...argumentsFor(query)];
  const { complaint } = yield* printed(query, args, signal, (input) => createInterface({ input }));
  if (!signal.aborted) throw refused(query, complaint);
}

/** What journalctl prints, until its end or the caller's; then how it ended. Nothing of it is left when this settles. */
async function* printed(
  { env }: JournalQuery,
  args: readonly string[],
  signal: AbortSignal,
  read: (stdout: Readable) => AsyncIterable<string>,
): AsyncGenerator<string, { readonly exitStatus: number; readonly complaint: string }> {
  const child = await startProgram("journalctl", args, env, signal);
  const closed = once(child, "close");
  const complaints = text(child.stderr);
  const abort = () => child.kill();
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    yield* read(child.stdout);
    await closed;
    return { exitStatus: child.exitCode ?? 1, complaint: (await complaints).trim() };
  } finally {
    signal.removeEventListener("abort", abort);
    child.kill();
    child.stdout.destroy();
    await closed;
  }
}

function argumentsFor(query: JournalQuery): string[] {
  const { unit, scope, lines, output, directory } = query;
  // journalctl's own --user-unit also wants the caller's user id, and so leaves out what a unit with User= prints.
  const which =
    scope === "user"
      ? [`_SYSTEMD_USER_UNIT=${unit}`, "+", `USER_UNIT=${unit}`]
      : [`--unit=${unit}`];
  const args = ["--no-pager"];
  if (lines !== undefined) args.push(`--lines=${lines}`);
  if (output !== undefined) args.push(`--output=${output}`);
  for (const name of ["since", "until", "grep"] as const)
    if (query[name] !== undefined) args.push(`--${name}=${query[name]}`);
  if (directory !== undefined) args.push(`--directory=${directory}`);
  return [...args, ...which];
}

/** Of a time, an output format or a pattern that is none. */
const IS_MISTAKE = /^(?:Failed to parse|Unknown output format|Bad pattern) /;

function refused({ unit }: JournalQuery, complaint: string): Fault {
  const reason = complaint || "journalctl ended without saying why; try again";
  const code = IS_MISTAKE.test(complaint) ? "USAGE" : "SYSTEMD_FAILED";
  return new Fault(code, `Cannot read the journal of ${unit}: ${reason}`);
}
