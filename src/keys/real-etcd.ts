import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#base/fault.ts";
import { freePorts, isHealthy } from "#log/etcd-real.ts";

const READY_WITHIN_MS = 30_000;

/** A genuine etcd with its v2 API on, alone in its cluster, on free loopback ports: what tests compare with. */
export interface RealEtcd extends AsyncDisposable {
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly process: ChildProcess;
}

export interface RealEtcdOptions {
  /** Kept by the caller, to start it again with what it holds; default a directory that goes with the server. */
  readonly directory?: string;
  readonly clientPort?: number;
  readonly peerPort?: number;
  /** Other flags by name, such as `--cors`; they win. */
  readonly flags?: Readonly<Record<string, string>>;
}

/** @throws {Fault} STORE_UNAVAILABLE when it does not become ready. */
export async function startRealEtcd(options: RealEtcdOptions = {}): Promise<RealEtcd> {
  await using stack = new AsyncDisposableStack();
  let directory = options.directory;
  if (directory === undefined) {
    const made = await mkdtemp(join(tmpdir(), "real-etcd-"));
    stack.defer(() => rm(made, { recursive: true, force: true, maxRetries: 5 }));
    directory = made;
  }
  const clientUrl = `http://127.0.0.1:${options.clientPort ?? (await freePort())}`;
  const peerUrl = `http://127.0.0.1:${options.peerPort ?? (await freePort())}`;
  const flags = {
    "--enable-v2": "true",
    "--name": "default",
    "--data-dir": directory,
    "--listen-client-urls": clientUrl,
    "--advertise-client-urls": clientUrl,
    "--listen-peer-urls": peerUrl,
    "--initial-advertise-peer-urls": peerUrl,
    "--initial-cluster": `default=${peerUrl}`,
    ...options.flags,
  };
  const args = Object.entries(flags).map(([flag, value]) => `${flag}=${value}`);
  const child = spawn("etcd", args, { stdio: "ignore" });
  const ended = once(child, "exit");
  stack.defer(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const untilMs = performance.now() + READY_WITHIN_MS;
  while (!(await isHealthy(clientUrl))) {
    if (performance.now() > untilMs || child.exitCode !== null)
      throw new Fault("STORE_UNAVAILABLE", `Cannot start etcd at ${clientUrl}: it is not healthy`);
    await sleep(50);
  }
  const owned = stack.move();
  return { clientUrl, peerUrl, process: child, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A TCP port of the loopback address that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}
