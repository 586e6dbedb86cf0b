import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, startRealEtcd } from "#keys/real-etcd.ts";
import { startKeelsonEtcd2 } from "./keelson-etcd2.ts";
import type { ServerUnderLoad } from "./server.ts";

export const NAMES = ["etcd", "keelson"] as const;
export type Name = (typeof NAMES)[number];

type Running = ServerUnderLoad & AsyncDisposable;

/** A real etcd and `keelson etcd2`, both alone in their cluster, both keeping what they acknowledge on disk. */
export class Pair implements AsyncDisposable {
  readonly #directory: string;
  readonly #ports: readonly [clientPort: number, peerPort: number];
  readonly #running: Partial<Record<Name, Running>> = {};

  private constructor(directory: string, ports: readonly [number, number]) {
    this.#directory = directory;
    this.#ports = ports;
  }

  static async start(): Promise<Pair> {
    const directory = await mkdtemp(join(tmpdir(), "keelson-bench-"));
    const pair = new Pair(directory, [await freePort(), await freePort()]);
    try {
      for (const name of NAMES) await pair.#start(name);
      return pair;
    } catch (error) {
      await pair[Symbol.asyncDispose]();
      throw error;
    }
  }

  of(name: Name): ServerUnderLoad {
    const server = this.#running[name];
    if (server === undefined) throw new Error(`${name} does not run`);
    return server;
  }

  /** Kills a server and starts it on its data: milliseconds until it answers reads again. */
  async restart(name: Name): Promise<number> {
    await this.#running[name]?.[Symbol.asyncDispose]();
    const startMs = performance.now();
    await this.#start(name);
    return performance.now() - startMs;
  }

  /** Runs `measure` against the servers in turn, the first one changing. */
  async byTurns<T>(
    rounds: number,
    measure: (server: ServerUnderLoad) => Promise<T>,
  ): Promise<Record<Name, T[]>> {
    const results: Record<Name, T[]> = { etcd: [], keelson: [] };
    for (let round = 0; round < rounds; round += 1)
      for (const name of round % 2 === 0 ? NAMES : NAMES.toReversed())
        results[name].push(await measure(this.of(name)));
    return results;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of NAMES) await this.#running[name]?.[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  async #start(name: Name): Promise<void> {
    const directory = join(this.#directory, name);
    if (name === "keelson") {
      this.#running.keelson = await startKeelsonEtcd2(directory);
      return;
    }
    const [clientPort, peerPort] = this.#ports;
    const etcd = await startRealEtcd({ directory, clientPort, peerPort });
    this.#running.etcd = {
      clientUrl: etcd.clientUrl,
      pid: etcd.process.pid ?? 0,
      [Symbol.asyncDispose]: () => etcd[Symbol.asyncDispose](),
    };
  }
}
