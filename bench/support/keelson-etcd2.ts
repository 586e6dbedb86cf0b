import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "#keys/real-etcd.ts";

const READY_WITHIN_MS = 20_000;

export interface KeelsonEtcd2 extends AsyncDisposable {
  readonly clientUrl: string;
}

/** `keelson etcd2` as users start it, the bundle if there is one, with its data in a directory of its own. */
export async function startKeelsonEtcd2(): Promise<KeelsonEtcd2> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "keelson-bench-"));
  stack.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  const clientUrl = `http://127.0.0.1:${await freePort()}`;
  const program = new URL("../../bin/keelson", import.meta.url).pathname;
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  const flags = [
    `--data-dir=${directory}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
  ];
  const child = spawn(program, ["etcd2", ...flags], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "exit");
  const complaints = text(child.stderr);
  stack.defer(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  const untilMs = performance.now() + READY_WITHIN_MS;
  while (!(await answers(clientUrl))) {
    if (child.exitCode !== null) throw new Error(`keelson etcd2 ended: ${await complaints}`);
    if (performance.now() > untilMs) throw new Error("keelson etcd2 does not answer");
    await sleep(20);
  }
  const owned = stack.move();
  return { clientUrl, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/v2/keys/`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
