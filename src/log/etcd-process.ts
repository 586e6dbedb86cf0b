import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { backoffMs } from "#base/backoff.ts";
import type { Clock } from "#base/clock.ts";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import {
  CLIENT_SOCKET,
  type EtcdMember,
  type EtcdVersion,
  etcdFlags,
  parseEtcdVersion,
  versionCaution,
  versionObstacle,
} from "#log/core/etcd-flags.ts";
import { finalFault, isForeignPeer, parseEtcdLine } from "#log/core/etcd-output.ts";

const RESTART = { baseMs: 200, maxMs: 10_000 };
/** One that ran so long had started well: its next end is a first failure again. */
const STEADY_MS = 30_000;
/** So often in a row an etcd that never stayed up is started before that is given up. */
const ATTEMPTS_MAX = 8;
const ADDRESS_ATTEMPTS_MAX = 4;
/** The same complaint is made once in this time. */
const COMPLAIN_AGAIN_MS = 60_000;
const COMPLAINTS_MAX = 100;
/** An etcd that was told to end gets so long. */
const STOP_MS = 5_000;
const LINES_KEPT = 100;
const SOCKET_PATH_MAX_BYTES = 107; // sun_path, unix(7)
/** Variables that etcd needs from ours; ETCD_ ones would be taken for its flags. */
const ENVIRONMENT_KEPT = ["PATH", "HOME", "TZ", "GOMAXPROCS", "ETCD_UNSUPPORTED_ARCH"];

export interface EtcdProcessOptions {
  /** The program, as a path or a name to be found in PATH. */
  readonly binary: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where etcd keeps its data; made when missing. The caller sees that nobody else uses it. */
  readonly directory: string;
  readonly member: EtcdMember;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

interface Ending {
  readonly how: string;
  /** What it logged last, oldest first. */
  readonly said: readonly string[];
}

/**
 * A real etcd that runs as long as this object is not disposed of: started again when it dies, ended with this
 * process however that ends. Its client API listens on a unix socket in its data directory only.
 */
export class EtcdProcess implements AsyncDisposable {
  /** The socket of its client API. */
  readonly socketPath: string;
  readonly version: EtcdVersion;
  readonly #options: EtcdProcessOptions;
  readonly #closing = new AbortController();
  readonly #failed = new AbortController();
  readonly #stack: AsyncDisposableStack;
  readonly #running: Promise<void>;
  #child: ChildProcess | undefined;
  #hasForeignPeer = false;
  /** When what was complained of last. */
  readonly #complaints = new Map<string, number>();

  /**
   * Begins to run it; that it answers is for its client to find out.
   * @throws {Fault} ETCD_MISSING, FILE_UNWRITABLE
   */
  static async start(options: EtcdProcessOptions): Promise<EtcdProcess> {
    const version = await askVersion(options);
    const caution = versionCaution(version);
    if (caution !== undefined) options.logger.warn(caution);
    await using stack = new AsyncDisposableStack();
    const { directory } = options;
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new Fault("FILE_UNWRITABLE", `Cannot make ${directory}: ${reasonOf(cause)}`, { cause });
    }
    let socketPath = join(directory, CLIENT_SOCKET);
    if (Buffer.byteLength(socketPath) > SOCKET_PATH_MAX_BYTES) {
      const handle = stack.use(await open(directory));
      socketPath = `/proc/self/fd/${handle.fd}/${CLIENT_SOCKET}`;
    }
    return new EtcdProcess(options, version, socketPath, stack.move());
  }

  private constructor(
    options: EtcdProcessOptions,
    version: EtcdVersion,
    socketPath: string,
    stack: AsyncDisposableStack,
  ) {
    this.#options = options;
    this.version = version;
    this.socketPath = socketPath;
    this.#stack = stack;
    this.#running = this.#superviseUntilClosed();
  }

  /** Aborts, with the Fault that says why, when etcd ended in a way that starting it again does not mend. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  /** Whether a peer, perhaps the one that is wrong, belongs to another cluster. */
  get hasForeignPeer(): boolean {
    return this.#hasForeignPeer;
  }

  /** Of the etcd that runs at the moment. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("etcd is told to end"));
    await this.#running;
    await this.#stack.disposeAsync();
  }

  async #superviseUntilClosed(): Promise<void> {
    const { clock, logger, member, random } = this.#options;
    const { signal } = this.#closing;
    let attempt = 0;
    while (!signal.aborted) {
      const startMs = clock.monotonicMs();
      const { how, said } = await this.#runOnce().catch((error: unknown) => ({
        how: reasonOf(error),
        said: [],
      }));
      if (signal.aborted) return;
      const tookMs = clock.monotonicMs() - startMs;
      attempt = tookMs >= STEADY_MS ? 0 : attempt + 1;
      const last = said.at(-1);
      const reason = last === undefined ? how : `${how}, after "${last}"`;
      const fault = judge(member.name, said, attempt, reason);
      if (fault !== undefined) {
        this.#failed.abort(fault);
        return;
      }
      logger.warn({ reason, attempt }, "etcd ended; starting it again");
      await clock.sleep(backoffMs(attempt, RESTART, random), signal).catch(() => {});
    }
  }

  /** Resolves when it has ended. */
  async #runOnce(): Promise<Ending> {
    const { binary, clock, directory, env, member } = this.#options;
    await rm(join(directory, CLIENT_SOCKET), { force: true });
    const flags = etcdFlags(member, directory, this.version);
    // With this process its etcd ends too, killed by the kernel when there was no time to tell it. One that begins when
    // this process is gone already dies of its first line, which nobody reads, before it opens anything.
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", binary, ...flags], {
      cwd: directory, // the socket's name is relative
      env: environment(env),
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = once(child, "close");
    const closing = this.#closing.signal;
    const stop = () => child.kill("SIGTERM");
    closing.addEventListener("abort", stop, { once: true });
    if (closing.aborted) stop();
    this.#child = child;
    const lines = this.#follow(child);
    const limit = new AbortController();
    const killing = once(closing, "abort", limit)
      .then(() => clock.sleep(STOP_MS, limit.signal))
      .then(() => child.kill("SIGKILL"))
      .catch(() => {}); // it ended before
    try {
      const [code, by] = (await ended) as [number | null, string | null];
      return { how: by === null ? `status ${code}` : `killed by ${by}`, said: await lines };
    } finally {
      this.#child = undefined;
      closing.removeEventListener("abort", stop);
      limit.abort();
      await killing;
    }
  }

  async #follow(child: ChildProcess): Promise<string[]> {
    const last: string[] = [];
    if (child.stderr === null) return last;
    for await (const line of createInterface({ input: child.stderr })) {
      const { level, text } = parseEtcdLine(line);
      last.push(text);
      if (last.length > LINES_KEPT) last.shift();
      const isNews = level === "warn" && this.#isNews(text);
      this.#options.logger[isNews ? "warn" : "debug"]({ part: "etcd" }, text);
      if (isForeignPeer(text)) this.#tellForeignPeer();
    }
    return last;
  }

  #isNews(text: string): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    const toldMs = this.#complaints.get(text);
    if (toldMs !== undefined && nowMs - toldMs < COMPLAIN_AGAIN_MS) return false;
    if (this.#complaints.size >= COMPLAINTS_MAX) this.#complaints.clear();
    this.#complaints.set(text, nowMs);
    return true;
  }

  #tellForeignPeer(): void {
    if (this.#hasForeignPeer) return;
    this.#hasForeignPeer = true;
    this.#options.logger.error(
      { directory: this.#options.directory },
      "a peer belongs to another cluster than this data directory: if this member is the odd one, add it to that cluster (etcdctl member add) and start it with an empty data directory and initial-cluster-state=existing",
    );
  }
}

/** The Fault of an end after which it is not started again. */
function judge(
  name: string,
  said: readonly string[],
  attempt: number,
  reason: string,
): Fault | undefined {
  const fault = finalFault(name, said);
  // What an etcd that was killed a moment ago still holds is soon free.
  if (fault?.code === "ADDRESS_IN_USE" && attempt < ADDRESS_ATTEMPTS_MAX) return undefined;
  if (fault !== undefined || attempt < ATTEMPTS_MAX) return fault;
  return new Fault(
    "STORE_UNAVAILABLE",
    `Cannot run etcd: it ended ${ATTEMPTS_MAX} times in a row, last with ${reason}; see its messages in this log`,
  );
}

async function askVersion({ binary, env }: EtcdProcessOptions): Promise<EtcdVersion> {
  const output = await promisify(execFile)(binary, ["--version"], { env: environment(env) }).catch(
    (cause: unknown) => {
      const why = isErrno(cause, "ENOENT") ? "it is not installed" : reasonOf(cause);
      throw missing(binary, why, cause);
    },
  );
  const version = parseEtcdVersion(output.stdout);
  const obstacle =
    version === undefined ? "it does not tell its version" : versionObstacle(version);
  if (version === undefined || obstacle !== undefined)
    throw missing(binary, obstacle ?? "", undefined);
  return version;
}

function missing(binary: string, why: string, cause: unknown): Fault {
  return new Fault(
    "ETCD_MISSING",
    `Cannot run ${binary}, which keeps the log of several servers: ${why}; install etcd 3 (Debian's package etcd-server), or name a cluster that runs elsewhere (log-endpoints)`,
    { cause },
  );
}

function environment(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(ENVIRONMENT_KEPT.map((name) => [name, env[name]]));
}
