import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#base/clock.ts";
import { type Address, parseAddress } from "#base/listen.ts";
import { openLogger } from "#base/logger.ts";
import type { ServerTls } from "#base/tls.ts";
import { freePort } from "./real-etcd.ts";
import { runMember } from "./run-member.ts";

export interface TestMember extends AsyncDisposable {
  readonly clientUrl: string;
  readonly peerUrl: string;
  readonly dataDir: string;
}

/**
 * Keelson's own store in this process, on free loopback ports, with its data in a directory that goes with it.
 * @param tls listens there too, besides
 */
export async function startMember(tls?: {
  readonly address: Address;
  readonly server: ServerTls;
}): Promise<TestMember> {
  const dataDir = await mkdtemp(join(tmpdir(), "keelson-member-"));
  const clientUrl = `http://127.0.0.1:${await freePort()}`;
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  const end = new AbortController();
  const listening = Promise.withResolvers<void>();
  const running = runMember(
    {
      name: "default",
      dataDir,
      listenClient: [parseAddress(clientUrl), ...(tls ? [tls.address] : [])],
      clientTls: tls?.server,
      listenPeer: [parseAddress(peerUrl)],
      clientURLs: [clientUrl],
      peerURLs: [peerUrl],
      token: "etcd-cluster",
      isJoining: false,
      logger: openLogger("silent"),
      clock: systemClock,
      random: Math.random,
      onListening: async () => listening.resolve(),
    },
    end.signal,
  );
  await Promise.race([listening.promise, running]);
  return {
    clientUrl,
    peerUrl,
    dataDir,
    [Symbol.asyncDispose]: async () => {
      end.abort();
      await running;
      await rm(dataDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
