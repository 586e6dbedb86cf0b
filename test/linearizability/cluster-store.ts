import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Random } from "#base/random.ts";
import { pick } from "#test/simulation/pick.ts";
import { openNetwork, type TestNetwork } from "#test/support/network.ts";
import { type ServerProcess, type ServerSettings, startServer } from "#test/support/server.ts";
import type { RealStore, Strike } from "./real-run.ts";

const SERVERS = 3;
const CLIENT_PORT = 2379;
const PEER_PORT = 2380;

/** Three servers on a network of their own, each with a real etcd, with their data below `directory`. */
export async function clusterStore(directory: string): Promise<RealStore> {
  await using stack = new AsyncDisposableStack();
  const network = stack.use(await openNetwork(SERVERS));
  const cluster = network.hosts
    .map(({ address }, at) => `s${at}=http://${address}:${PEER_PORT}`)
    .join();
  const settings = network.hosts.map(({ address, wrapper }, at): ServerSettings => {
    const url = `http://${address}:${CLIENT_PORT}`;
    const peerUrl = `http://${address}:${PEER_PORT}`;
    const own = ["--name", `s${at}`, "--initial-advertise-peer-urls", peerUrl];
    const args = [...own, "--advertise-client-urls", url, "--initial-cluster", cluster];
    return { dataDir: join(directory, `s${at}`), url, peerUrl, args, wrapper };
  });
  const servers = await Promise.all(settings.map((one) => startServer(one)));
  stack.defer(async () => {
    await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
  });
  await Promise.all(servers.map((server) => server.ready()));
  const machines = new Machines(settings, servers);
  const owned = stack.move();
  return {
    urls: servers.map(({ url }) => url),
    session: (at) => `s${at}, run ${machines.runs[at]}`,
    calmMaxMs: 2_500,
    strikeMaxMs: 6_000,
    strikes: strikesOf(machines, network),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

class Machines {
  readonly #settings: readonly ServerSettings[];
  readonly #servers: ServerProcess[];
  /** How often each was started. */
  readonly runs: number[];

  constructor(settings: readonly ServerSettings[], servers: ServerProcess[]) {
    this.#settings = settings;
    this.#servers = servers;
    this.runs = servers.map(() => 1);
  }

  get all(): number[] {
    return [...this.#servers.keys()];
  }

  async kill(at: number): Promise<void> {
    await this.#servers[at]!.stop("SIGKILL");
    this.runs[at]! += 1;
  }

  async start(at: number): Promise<void> {
    this.#servers[at] = await startServer(this.#settings[at]!);
  }

  /** Of the server itself, or of its etcd; undefined when that is being started just now. */
  async pid(at: number, which: "keelson" | "etcd"): Promise<number | undefined> {
    const { pid } = this.#servers[at]!.child;
    return which === "keelson" || pid === undefined ? pid : await childOf(pid);
  }

  /** The server whose etcd leads, as far as any of them says; else the first. */
  async leader(): Promise<number> {
    for (const { url } of this.#servers) {
      const signal = AbortSignal.timeout(1_000);
      const answer = await fetch(`${url}/v2/members/leader`, { signal }).catch(() => undefined);
      const text = await answer?.text().catch(() => "");
      const at = this.#servers.findIndex((server) => text?.includes(server.peerUrl));
      if (at >= 0) return at;
    }
    return 0;
  }
}

function strikesOf(machines: Machines, network: TestNetwork): Record<string, Strike> {
  const any = (random: Random) => pick(random, machines.all);
  const others = (at: number) => machines.all.filter((other) => other !== at);
  const mend = () => network.mend();
  const isolate = async (at: number) => {
    for (const other of others(at)) {
      await network.cut(at, other);
      await network.cut(other, at);
    }
    return mend;
  };
  const killed = async (which: readonly number[]) => {
    await Promise.all(which.map((at) => machines.kill(at)));
    return async () => {
      await Promise.all(which.map((at) => machines.start(at)));
    };
  };
  const stopped = async (at: number, which: "keelson" | "etcd") => {
    const pid = await machines.pid(at, which);
    if (pid !== undefined) send(pid, "SIGSTOP");
    return async () => void (pid !== undefined && send(pid, "SIGCONT"));
  };
  return {
    "one cut off": (random) => isolate(any(random)),
    "the leader cut off": async () => isolate(await machines.leader()),
    "all apart": async () => {
      for (const at of machines.all) for (const other of others(at)) await network.cut(at, other);
      return mend;
    },
    "one hears and is not heard": async (random) => {
      const at = any(random);
      for (const other of others(at)) await network.cut(at, other);
      return mend;
    },
    "two do not see each other": async (random) => {
      const at = any(random);
      const other = pick(random, others(at));
      await network.cut(at, other);
      await network.cut(other, at);
      return mend;
    },
    "kill -9 of one": (random) => killed([any(random)]),
    "kill -9 of the leader": async () => killed([await machines.leader()]),
    "kill -9 of two": (random) => killed(others(any(random))),
    "kill -9 of all": () => killed(machines.all),
    "kill -9 of an etcd": async (random) => {
      const pid = await machines.pid(any(random), "etcd");
      if (pid !== undefined) send(pid, "SIGKILL");
      return async () => {}; // its server starts it again
    },
    "a server paused": (random) => stopped(any(random), "keelson"),
    "an etcd paused": (random) => stopped(any(random), "etcd"),
    "the leading etcd paused": async () => stopped(await machines.leader(), "etcd"),
  };
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended meanwhile.
  }
}

/** The etcd that a server has started. */
async function childOf(parent: number): Promise<number | undefined> {
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, "utf8").catch(() => "");
    const [, comm, ppid] = /^\d+ \((.*)\) \S (\d+) /.exec(stat) ?? [];
    if (comm === "etcd" && Number(ppid) === parent) return Number(name);
  }
  return undefined;
}
