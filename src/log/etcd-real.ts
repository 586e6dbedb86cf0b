import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#base/fault.ts";

const READY_WITHIN_MS = 60_000;

/** A cluster of genuine etcd servers on free loopback ports, to test the log with. */
export interface RealCluster extends AsyncDisposable {
  readonly endpoints: readonly [string, ...string[]];
  endpoint(at: number): string;
  /** The same server by TLS, where that was asked for. */
  secureEndpoint(at: number): string;
  /** Stops it by SIGSTOP; none of its threads runs any more when this resolves. */
  pause(at: number): Promise<void>;
  resume(at: number): void;
  /** As a power cut ends it, but for what its machine had in memory. */
  kill(at: number): Promise<void>;
  start(at: number): void;
  untilHealthy(): Promise<void>;
}

/** Files; then every server listens by TLS too, and a client there needs a certificate of the authority. */
export interface RealClusterTls {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** @throws {Fault} STORE_UNAVAILABLE when it does not become ready. */
export async function openCluster(
  size: number,
  { flags = [], tls }: { readonly flags?: readonly string[]; readonly tls?: RealClusterTls } = {},
): Promise<RealCluster> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "etcd-log-"));
  stack.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const ports = await freePorts(3 * size);
  const urlOf = (at: number) => `http://127.0.0.1:${ports[at] ?? 0}`;
  const members = Array.from({ length: size }, (_, at) => `m${at}=${urlOf(size + at)}`);
  const secureUrlOf = (at: number) => `https://127.0.0.1:${ports[2 * size + at] ?? 0}`;
  const running: ChildProcess[] = [];
  const cluster = {
    endpoints: Array.from({ length: size }, (_, at) => urlOf(at)) as [string, ...string[]],
    endpoint: urlOf,
    secureEndpoint: secureUrlOf,
    async pause(at: number) {
      const child = running[at];
      child?.kill("SIGSTOP");
      await untilStopped(child?.pid);
    },
    resume: (at: number) => void running[at]?.kill("SIGCONT"),
    async kill(at: number) {
      const child = running[at];
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
    start(at: number) {
      const args = {
        "--name": `m${at}`,
        "--data-dir": join(directory, `m${at}`),
        "--listen-client-urls": tls ? `${urlOf(at)},${secureUrlOf(at)}` : urlOf(at),
        "--advertise-client-urls": urlOf(at),
        "--listen-peer-urls": urlOf(size + at),
        "--initial-advertise-peer-urls": urlOf(size + at),
        "--initial-cluster": members.join(","),
      };
      if (tls)
        Object.assign(args, {
          "--client-cert-auth": "true",
          "--trusted-ca-file": tls.caFile,
          "--cert-file": tls.certFile,
          "--key-file": tls.keyFile,
        });
      const given = Object.entries(args).map(([flag, value]) => `${flag}=${value}`);
      running[at] = spawn("etcd", [...given, ...flags], { stdio: "ignore" });
    },
    untilHealthy: () => untilHealthy(cluster.endpoints),
  };
  stack.defer(async () => {
    for (const at of running.keys()) await cluster.kill(at);
  });
  for (let at = 0; at < size; at++) cluster.start(at);
  await cluster.untilHealthy();
  const owned = stack.move();
  return { ...cluster, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function untilHealthy(endpoints: readonly string[]): Promise<void> {
  const untilMs = performance.now() + READY_WITHIN_MS;
  for (const endpoint of endpoints)
    while (!(await isHealthy(endpoint))) {
      if (performance.now() > untilMs)
        throw new Fault("STORE_UNAVAILABLE", `Cannot start etcd at ${endpoint}: it is not healthy`);
      await sleep(50);
    }
}

/** A signal stops a process only when one of its threads takes it, until when the others go on. */
async function untilStopped(pid: number | undefined): Promise<void> {
  const untilMs = performance.now() + READY_WITHIN_MS;
  while (!(await states(pid)).every((state) => state === "T")) {
    if (performance.now() > untilMs)
      throw new Fault("TIMED_OUT", `Cannot stop process ${pid}: some thread of it runs on`);
    await sleep(1);
  }
}

/** The states of a process's threads, proc_pid_stat(5). */
async function states(pid: number | undefined): Promise<(string | undefined)[]> {
  const tasks = `/proc/${pid}/task`;
  const threads = await readdir(tasks);
  const stats = threads.map((thread) => readFile(join(tasks, thread, "stat"), "utf8"));
  return (await Promise.all(stats)).map((stat) => stat.split(") ").at(-1)?.[0]);
}

/** Whether an etcd serves clients there. */
export async function isHealthy(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(2_000) });
    return answer.ok && (await answer.text()).includes("true");
  } catch {
    return false;
  }
}

/** TCP ports of the loopback address that nothing listens on at the moment. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    ports.push(typeof address === "object" && address !== null ? address.port : 0);
  }
  for (const server of servers) {
    server.close();
    await once(server, "close");
  }
  return ports;
}
