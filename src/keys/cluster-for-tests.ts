import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const KEELSON = join(import.meta.dirname, "../../bin/keelson");
const LIMIT_MS = 120_000;
const STDERR_KEPT = 4_000;

export interface ServerSettings {
  readonly name: string;
  /** All of its addresses are there, at etcd's own ports. */
  readonly host: string;
  readonly dataDir: string;
  /** Of etcd, such as `ETCD_INITIAL_CLUSTER`; they win over what is set for every server. */
  readonly env?: Readonly<Record<string, string>>;
}

/** `keelson etcd2` from source, as a process that can be ended and started again. */
export class TestServer implements AsyncDisposable {
  readonly name: string;
  readonly host: string;
  readonly dataDir: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  /** For the next start. */
  env: Readonly<Record<string, string>>;
  /** What it logged and complained of last. */
  output = "";
  #child: ChildProcess | undefined;
  #ended: Promise<number | null> = Promise.resolve(null);

  constructor({ name, host, dataDir, env = {} }: ServerSettings) {
    this.name = name;
    this.host = host;
    this.dataDir = dataDir;
    this.clientUrl = `http://${host}:2379`;
    this.peerUrl = `http://${host}:2380`;
    this.env = env;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** The process of its etcd, when there is one. */
  get etcdPid(): number | undefined {
    const { pid } = this;
    if (pid === undefined) return undefined;
    return childrenOf(pid).find((child) => commandOf(child).includes("--listen-peer-urls="));
  }

  start(): this {
    const child = spawn(KEELSON, ["etcd2"], {
      env: {
        PATH: process.env["PATH"],
        KEELSON_SOURCE: "1",
        ETCD_NAME: this.name,
        ETCD_DATA_DIR: this.dataDir,
        ETCD_LISTEN_CLIENT_URLS: this.clientUrl,
        ETCD_LISTEN_PEER_URLS: this.peerUrl,
        ETCD_INITIAL_ADVERTISE_PEER_URLS: this.peerUrl,
        ...this.env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        this.output = (this.output + chunk.toString()).slice(-STDERR_KEPT);
      });
    this.#child = child;
    this.#ended = once(child, "close").then(([code]) => {
      if (this.#child === child) this.#child = undefined;
      return code as number | null;
    });
    return this;
  }

  /** Its exit status, null after a signal. */
  get ended(): Promise<number | null> {
    return this.#ended;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.#child?.kill(signal);
    return this.#ended;
  }

  /** As a power cut: nothing of it goes on for even a moment. */
  kill(): Promise<number | null> {
    return this.stop("SIGKILL");
  }

  /** Resolves when it takes writes. */
  async healthy(): Promise<this> {
    await until(
      `${this.name} is healthy`,
      () => {
        if (this.pid === undefined) throw new Error(`${this.name} ended: ${this.output}`);
        return this.isHealthy();
      },
      () => this.output,
    );
    return this;
  }

  async isHealthy(): Promise<boolean> {
    const answer = await this.ask("/health").catch(() => undefined);
    return answer?.status === 200 && (await answer.text()).includes("true");
  }

  ask(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.clientUrl + path, { signal: AbortSignal.timeout(LIMIT_MS), ...init });
  }

  put(key: string, value: string, query = ""): Promise<Response> {
    const body = new URLSearchParams({ value });
    return this.ask(`/v2/keys${key}${query}`, { method: "PUT", body });
  }

  async valueAt(key: string, query = ""): Promise<string | undefined> {
    const answer = await this.ask(`/v2/keys${key}${query}`);
    return ((await answer.json()) as { node?: { value?: string } }).node?.value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

export interface TestCluster extends AsyncDisposable {
  readonly servers: readonly TestServer[];
  readonly directory: string;
  /** Begins the addresses of all: three numbers. */
  readonly network: string;
  /** One more, not started; it ends with the cluster. */
  readonly add: (name: string, host: string, env?: Readonly<Record<string, string>>) => TestServer;
}

export interface ClusterOptions {
  /** Servers are at `NETWORK.1`, `NETWORK.2` …; default one by chance, so that tests may run side by side. */
  readonly network?: string;
  readonly size: number;
  /** For every server. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Servers core-01, core-02 … that know of each other from the start, healthy; with data that goes with them. */
export async function startCluster({
  network = someNetwork(),
  size,
  env,
}: ClusterOptions): Promise<TestCluster> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "keelson-cluster-"));
  stack.defer(() => rm(directory, { recursive: true, force: true, maxRetries: 10 }));
  const add: TestCluster["add"] = (name, host, own = {}) => {
    const dataDir = join(directory, name);
    return stack.use(new TestServer({ name, host, dataDir, env: { ...env, ...own } }));
  };
  const places = Array.from({ length: size }, (_, at) => ({
    name: `core-${String(at + 1).padStart(2, "0")}`,
    host: `${network}.${at + 1}`,
  }));
  const initial = places.map(({ name, host }) => `${name}=http://${host}:2380`).join();
  const servers = places.map(({ name, host }) =>
    add(name, host, { ETCD_INITIAL_CLUSTER: initial }).start(),
  );
  await Promise.all(servers.map((server) => server.healthy()));
  const owned = stack.move();
  return {
    servers,
    directory,
    network,
    add: (name, host, own = {}) => {
      const dataDir = join(directory, name);
      return owned.use(new TestServer({ name, host, dataDir, env: { ...env, ...own } }));
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** All of 127.0.0.0/8 is this machine. */
function someNetwork(): string {
  return `127.${randomInt(100, 250)}.${randomInt(250)}`;
}

/** Waits for a condition, for as long as a busy computer may need. */
export async function until(
  what: string,
  holds: () => Promise<boolean> | boolean,
  details: () => string = () => "",
): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (!(await holds())) {
    if (performance.now() > endMs)
      throw new Error(`not within ${LIMIT_MS} ms: ${what}\n${details()}`);
    await sleep(100);
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => parentOf(child) === pid);
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined; // it ended meanwhile
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
