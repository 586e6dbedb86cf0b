import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#base/clock.ts";
import { parseAddress } from "#base/listen.ts";
import { openLogger } from "#base/logger.ts";
import { type RunDiscoveryOptions, runDiscovery } from "./run-discovery.ts";

export interface TestService extends AsyncDisposable {
  readonly url: string;
  /** The URL of a new token. */
  newToken(size: number): Promise<string>;
}

/** A discovery service in this process, with a store in a directory that goes with it unless it is given. */
export async function startService(
  options: Partial<RunDiscoveryOptions> = {},
  port = 0,
): Promise<TestService> {
  const made = options.store ? undefined : await mkdtemp(join(tmpdir(), "keelson-discovery-"));
  const end = new AbortController();
  const listening = Promise.withResolvers<number>();
  const running = runDiscovery(
    {
      listen: [parseAddress(`http://127.0.0.1:${port}`)],
      store: { kind: "own", dataDir: made ?? "" },
      ttlSeconds: 3_600,
      takesOver: true,
      newPerHour: 0,
      logger: openLogger("silent"),
      clock: systemClock,
      random: Math.random,
      onListening: async ([first]) =>
        listening.resolve(first?.kind === "tcp" ? first.port : Number.NaN),
      ...options,
    },
    end.signal,
  );
  await Promise.race([listening.promise, running]);
  const url = `http://127.0.0.1:${await listening.promise}`;
  return {
    url,
    async newToken(size) {
      const answer = await fetch(`${url}/new?size=${size}`);
      return answer.text();
    },
    async [Symbol.asyncDispose]() {
      end.abort();
      await running;
      if (made) await rm(made, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
