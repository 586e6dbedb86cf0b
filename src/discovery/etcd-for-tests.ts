import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "#keys/real-etcd.ts";

const LIMIT_MS = 120_000;

export interface DiscoveredEtcd {
  readonly name: string;
  readonly directory: string;
  readonly child: ChildProcess;
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly output: () => string;
  readonly ended: Promise<unknown>;
}

export interface EtcdOptions {
  readonly discovery?: string;
  /** Joins this cluster, in which it is a member already; its own peer URL is the one there. */
  readonly cluster?: ReadonlyMap<string, readonly string[]>;
  readonly fallback?: string;
  readonly peerPort?: number;
}

/** A genuine etcd 3.4 that finds its cluster through `discovery`, or joins one that runs. It ends with the test. */
export async function startEtcd(
  t: TestContext,
  name: string,
  options: EtcdOptions,
): Promise<DiscoveredEtcd> {
  const directory = await mkdtemp(join(tmpdir(), "discovered-etcd-"));
  const clientUrl = `http://127.0.0.1:${await freePort()}`;
  const { cluster, discovery, fallback = "exit", peerPort } = options;
  const peerUrl = cluster?.get(name)?.[0] ?? `http://127.0.0.1:${peerPort ?? (await freePort())}`;
  const flags = {
    "--name": name,
    "--data-dir": directory,
    "--enable-v2": "true",
    "--listen-client-urls": clientUrl,
    "--advertise-client-urls": clientUrl,
    "--listen-peer-urls": peerUrl,
    "--initial-advertise-peer-urls": peerUrl,
    ...(discovery ? { "--discovery": discovery, "--discovery-fallback": fallback } : {}),
    ...(cluster
      ? { "--initial-cluster": listOf(cluster), "--initial-cluster-state": "existing" }
      : {}),
  };
  const args = Object.entries(flags).map(([flag, value]) => `${flag}=${value}`);
  const child = spawn("etcd", args, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  child.stdout.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const ended = once(child, "close");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  });
  return { name, directory, child, clientUrl, peerUrl, output: () => text, ended };
}

/** Reads until `isRight`, within a generous limit. */
export async function eventually<T>(
  what: string,
  read: () => Promise<T>,
  isRight: (value: T) => boolean,
): Promise<T> {
  const untilMs = performance.now() + LIMIT_MS;
  let last: unknown;
  while (performance.now() < untilMs) {
    try {
      const value = await read();
      if (isRight(value)) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    await sleep(100);
  }
  assert.fail(`${what}: not within ${LIMIT_MS} ms; last ${String(last)}`);
}

export async function memberNames(clientUrl: string): Promise<string> {
  const answer = await fetch(`${clientUrl}/v2/members`, { signal: AbortSignal.timeout(5_000) });
  const { members } = (await answer.json()) as { members: { name: string }[] };
  return members
    .map(({ name }) => name)
    .toSorted()
    .join();
}

export async function put(clientUrl: string, key: string): Promise<number> {
  const answer = await fetch(`${clientUrl}/v2/keys/${key}`, {
    method: "PUT",
    body: new URLSearchParams({ value: "yes" }),
    signal: AbortSignal.timeout(5_000),
  });
  return answer.status;
}

function listOf(cluster: ReadonlyMap<string, readonly string[]>): string {
  return [...cluster].flatMap(([name, urls]) => urls.map((url) => `${name}=${url}`)).join(",");
}
