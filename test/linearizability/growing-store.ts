import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "#keys/real-etcd.ts";
import { startServer } from "#test/support/server.ts";
import type { RealStore } from "./real-run.ts";

const SERVERS = 3;
const ADD_WITHIN_MS = 60_000;

/** One server with its own log, to which others are added under load: with the first, its log becomes a cluster's. */
export async function growingStore(directory: string): Promise<RealStore> {
  await using stack = new AsyncDisposableStack();
  let owner: AsyncDisposableStack = stack;
  const start = async (at: number, peerUrl: string, args: readonly string[] = []) => {
    const settings = { dataDir: join(directory, `s${at}`), peerUrl };
    const server = await startServer({ ...settings, args: ["--name", `s${at}`, ...args] });
    owner.use(server);
    await server.ready();
    return server;
  };
  const peers = [`http://127.0.0.1:${await freePort()}`];
  const first = await start(0, peers[0]!);
  const grow = async () => {
    if (peers.length === SERVERS) return;
    const at = peers.push(`http://127.0.0.1:${await freePort()}`) - 1;
    const body = JSON.stringify({ peerURLs: [peers[at]] });
    const headers = { "Content-Type": "application/json" };
    const untilMs = performance.now() + ADD_WITHIN_MS;
    // An etcd takes no further member until it has seen the last one for some seconds.
    for (;;) {
      const added = await fetch(`${first.url}/v2/members`, { method: "POST", headers, body });
      if (added.status === 201) break;
      if (performance.now() > untilMs) throw new Error(`not added: ${await added.text()}`);
      await sleep(500);
    }
    const cluster = peers.map((url, number) => `s${number}=${url}`).join();
    await start(at, peers[at]!, [
      "--initial-cluster",
      cluster,
      "--initial-cluster-state",
      "existing",
    ]);
  };
  owner = stack.move();
  return {
    urls: [first.url],
    session: () => "the first server", // it never goes back, also when its log is exchanged
    calmMaxMs: 2_000,
    strikeMaxMs: 1_000,
    strikes: {
      "a member more": async () => {
        await grow();
        return async () => {};
      },
    },
    [Symbol.asyncDispose]: () => owner.disposeAsync(),
  };
}
