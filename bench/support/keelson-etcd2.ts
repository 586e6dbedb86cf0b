import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "#keys/real-etcd.ts";
import type { ServerUnderLoad } from "./server.ts";

const READY_WITHIN_MS = 60_000;

/** `keelson etcd2` as users start it, the bundle if there is one; disposal kills it, as it does the real etcd. */
export async function startKeelsonEtcd2(
  directory: string,
): Promise<ServerUnderLoad & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
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
    child.kill("SIGKILL");
    await ended;
  });
  const untilMs = performance.now() + READY_WITHIN_MS;
  while (!(await answers(clientUrl))) {
    if (child.exitCode !== null) throw new Error(`keelson etcd2 ended: ${await complaints}`);
    if (performance.now() > untilMs) throw new Error("keelson etcd2 does not answer");
    await sleep(10);
  }
  const owned = stack.move();
  const { pid = 0 } = child;
  return { clientUrl, pid, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/v2/keys/`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
