import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile } from "node:fs/promises";
import { writeFileAtomic } from "#base/atomic-file.ts";
import type { Clock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { identify, isAlive, type RunningProcess } from "#machines/running-process.ts";

const POLL_MS = 20;

/** What becomes a machine's systemd, or the container it is in. */
export interface FirstProcess {
  /** The machine's name. */
  readonly name: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The file that what it prints goes to. */
  readonly log: string;
  /** The file that remembers it, for readRunningProcess(). */
  readonly record: string;
  /** Whether the machine's systemd answers. */
  readonly answers: () => Promise<boolean>;
  readonly limitMs: number;
  readonly clock: Clock;
}

/**
 * Starts it, apart from this program (a Ctrl-C is not for it), and waits until the machine's systemd answers.
 * @throws {Fault} SYSTEMD_MISSING when the system refused; SYSTEMD_FAILED with what it printed, when it ended or did not
 *   answer in time
 */
export async function bootFirstProcess(first: FirstProcess, signal: AbortSignal): Promise<void> {
  const { answers, clock, limitMs } = first;
  const booted = await start(first);
  if (booted === undefined) throw await failure(first);
  await writeFileAtomic(first.record, JSON.stringify(booted));
  const endMs = clock.monotonicMs() + limitMs;
  while (!(await answers())) {
    if (!(await isAlive(booted)) || clock.monotonicMs() > endMs) throw await failure(first);
    await clock.sleep(POLL_MS, signal);
  }
}

async function start({ argv, env, log }: FirstProcess): Promise<RunningProcess | undefined> {
  const [command = "", ...args] = argv;
  await using file = await open(log, "w");
  const child = spawn(command, args, {
    detached: true,
    stdio: ["ignore", file.fd, file.fd],
    env: { ...env },
  });
  child.unref();
  return identify(await spawned(child));
}

async function spawned(child: ChildProcess): Promise<number> {
  try {
    if (child.pid === undefined) await once(child, "spawn"); // rejects with the reason
    return child.pid ?? 0;
  } catch (cause) {
    throw new Fault("SYSTEMD_MISSING", `Cannot make machines: ${reasonOf(cause)}`, { cause });
  }
}

async function failure({ name, log }: FirstProcess): Promise<Fault> {
  const said = (await readFile(log, "utf8")).trim();
  return new Fault(
    "SYSTEMD_FAILED",
    `Cannot boot ${name}: its systemd did not come up: ${said || "it said nothing"}`,
  );
}
