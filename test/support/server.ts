import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "#keys/real-etcd.ts";
import { type Outcome, PROGRAM } from "./keelson.ts";

const READY_WITHIN_MS = 60_000;

/** A `keelson etcd2` in a process of its own. */
export interface ServerProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly url: string;
  readonly peerUrl: string;
  readonly dataDir: string;
  /** Resolves when it answers that it is healthy. */
  ready(): Promise<void>;
  /** Ends it and resolves with what it wrote on stderr. */
  stop(signal: NodeJS.Signals): Promise<string>;
}

export interface ServerSettings {
  readonly dataDir: string;
  readonly url?: string;
  readonly peerUrl?: string;
  readonly args?: readonly string[];
  /** A command line that runs another one in its own place, such as `ip netns exec NAME`. */
  readonly wrapper?: readonly string[];
}

export async function startServer(settings: ServerSettings): Promise<ServerProcess> {
  const { dataDir, args = [], wrapper = [] } = settings;
  const url = settings.url ?? `http://127.0.0.1:${await freePort()}`;
  const peerUrl = settings.peerUrl ?? `http://127.0.0.1:${await freePort()}`;
  const own = ["--data-dir", dataDir, "--listen-client-urls", url, "--listen-peer-urls", peerUrl];
  const [program = "", ...line] = [...wrapper, PROGRAM, "etcd2", ...own, ...args];
  const child = spawn(program, line, {
    env: { PATH: process.env["PATH"], KEELSON_SOURCE: "1" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const closed = once(child, "close");
  const stop = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    await closed;
    return stderr;
  };
  return {
    child,
    url,
    peerUrl,
    dataDir,
    stop,
    async ready() {
      const untilMs = performance.now() + READY_WITHIN_MS;
      while (!(await isHealthy(url))) {
        assert.equal(child.exitCode ?? child.signalCode, null, `the server ended: ${stderr}`);
        assert.ok(performance.now() < untilMs, `the server is not ready: ${stderr}`);
        await sleep(20);
      }
    },
    [Symbol.asyncDispose]: async () => void (await stop("SIGKILL")),
  };
}

export async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}

/** Runs `keelson ARGS` to its end. */
export async function keelson(...args: string[]): Promise<Outcome> {
  const env = { ...process.env, KEELSON_SOURCE: "1" };
  try {
    return { status: 0, ...(await promisify(execFile)(PROGRAM, args, { env })) };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    if (typeof code !== "number") throw error;
    return { status: code, stdout, stderr };
  }
}
