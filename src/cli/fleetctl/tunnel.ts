import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import { parseAddress } from "#base/listen.ts";
import type { Flags } from "./flags.ts";
import { type SshTarget, sshOptions } from "./ssh-options.ts";

/** The way to endpoints that can be reached from another machine only. */
export interface Tunnel extends AsyncDisposable {
  /** Here, for those there, in the same order. */
  readonly endpoints: readonly string[];
  /** A client's message with the endpoints as they are called there, and what ssh had to say. */
  explain(message: string): Promise<string>;
}

export interface TunnelOptions {
  readonly target: SshTarget;
  readonly flags: Flags;
  /** On the target: `unix:///PATH` or `http://HOST:PORT`. */
  readonly endpoints: readonly string[];
  readonly clock: Clock;
}

const POLL_MS = 10;
/** Of what ssh says: its reason stands last. */
const LINES_TOLD_MAX = 3;
/** ssh says why it closes a connection before it closes it; its line may be read a moment later. */
const LAST_WORD_MS = 100;

/**
 * ssh as long as standard input of the shell around it (file 3) is open: also when this program is killed outright, no ssh
 * and no directory is left behind. A line there says that all is done already.
 */
const GUARDED = `
directory=$1; shift
{ read -r _ || { kill $$; rm -rf -- "$directory"; }; } <&3 >/dev/null 2>&1 &
exec "$@" 3<&-
`;

/** Ours, whatever the person's configuration has for hosts that he logs in to. */
const FORWARD_ONLY = [
  "-N",
  "-T",
  "-oExitOnForwardFailure=yes",
  "-oControlMaster=no",
  "-oControlPath=none",
  "-oForwardX11=no",
  "-oForwardAgent=no",
  "-oRemoteCommand=none",
  "-oPermitLocalCommand=no",
  "-oServerAliveInterval=15",
  "-oLogLevel=INFO",
];

/**
 * Opens one connection by ssh(1), which asks for what it needs on the terminal, and forwards sockets over it.
 * @throws {Fault} FLEET_UNREACHABLE with what ssh says
 */
export async function openTunnel(options: TunnelOptions, signal: AbortSignal): Promise<Tunnel> {
  const { target, flags, endpoints, clock } = options;
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "fleetctl-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const sockets = endpoints.map((_, i) => join(directory, `${i}.sock`));
  const forwards = endpoints.flatMap((endpoint, i) => ["-L", `${sockets[i]}:${there(endpoint)}`]);
  const settings = sshOptions(target, flags).filter((word) => !word.startsWith("-oLogLevel="));
  const words = ["ssh", ...FORWARD_ONLY, ...settings, ...forwards, "--", target.host];

  const child = spawn("/bin/sh", ["-c", GUARDED, "sh", directory, ...words], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const ended = endOf(child);
  const said = collectLines(child);
  stack.defer(async () => {
    const guard = child.stdio[3] as NodeJS.WritableStream;
    guard.on("error", () => {}).end("done\n"); // it may have ended before
    child.kill("SIGTERM");
    await ended;
  });

  let isOver = false;
  void ended.then(() => (isOver = true));
  while (!sockets.every((socket) => existsSync(socket))) {
    if (isOver) throw failure(target, said());
    await clock.sleep(POLL_MS, signal);
  }
  const owned = stack.move();
  return {
    endpoints: sockets.map((socket) => `unix://${socket}`),
    explain: async (message) => {
      await clock.sleep(LAST_WORD_MS, signal);
      const renamed = sockets.reduce(
        (text, socket, i) =>
          text.replaceAll(`unix://${socket}`, `${endpoints[i]} through ${target.host}`),
        message,
      );
      const reason = said();
      if (reason === "") return renamed;
      const meaning = reason.includes("open failed")
        ? " (nothing listens there, or whoever logs in may not open it)"
        : "";
      return `${renamed} ssh says: ${reason}${meaning}`;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** An endpoint as ssh names the far end of a forwarding. */
function there(endpoint: string): string {
  const address = parseAddress(endpoint);
  return address.kind === "unix" ? address.path : `[${address.host}]:${address.port}`;
}

/** Its end, with all that it said. */
async function endOf(child: ChildProcess): Promise<void> {
  await Promise.all([once(child, "exit"), once(child.stderr!, "end")]);
}

/** The last lines of its standard error, in one. */
function collectLines(child: ChildProcess): () => string {
  let text = "";
  child.stderr
    ?.setEncoding("utf8")
    .on("data", (more: string) => (text = (text + more).slice(-4000)));
  return () => {
    const lines = text.split(/\r?\n/).map((line) => line.trim());
    return lines
      .filter((line) => line !== "")
      .slice(-LINES_TOLD_MAX)
      .join("; ");
  };
}

function failure({ host }: SshTarget, said: string): Fault {
  const isMissing = /: ssh: not found/.test(said);
  const advice = isMissing
    ? "install Debian's package openssh-client"
    : `see whether a plain ssh to ${host} logs in, with the same user, key and port`;
  return new Fault(
    "FLEET_UNREACHABLE",
    `Cannot open an SSH tunnel through ${host}: ${said || "ssh ended without a word"}; ${advice}`,
  );
}
