import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** A machine of a test network: a network namespace with one address. */
export interface NetworkHost {
  readonly address: string;
  /** Runs another command line there, in its own place. */
  readonly wrapper: readonly string[];
}

/** Some hosts on a bridge that this process is on too, whose links can be cut one by one and each way. */
export interface TestNetwork extends AsyncDisposable {
  readonly hosts: readonly NetworkHost[];
  /** What `from` sends to `to` is lost, until it is mended. */
  cut(from: number, to: number): Promise<void>;
  mend(): Promise<void>;
}

/** Needs root. */
export async function openNetwork(count: number): Promise<TestNetwork> {
  await using stack = new AsyncDisposableStack();
  const tag = process.pid.toString(36) + Math.floor(Math.random() * 36 ** 2).toString(36);
  const net = `10.${64 + Math.floor(Math.random() * 128)}.${Math.floor(Math.random() * 256)}`;
  const bridge = `klb${tag}`;
  await ip("link", "add", bridge, "type", "bridge");
  stack.defer(() => ip("link", "del", bridge));
  await ip("addr", "add", `${net}.1/24`, "dev", bridge);
  await ip("link", "set", bridge, "up");
  const hosts: NetworkHost[] = [];
  const names: string[] = [];
  for (let at = 0; at < count; at++) {
    const name = `kl${tag}-${at}`;
    const port = `klp${tag}${at}`;
    const address = `${net}.${10 + at}`;
    await ip("netns", "add", name);
    stack.defer(() => ip("netns", "del", name)); // and with it the link
    await ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name);
    await ip("link", "set", port, "master", bridge, "up");
    await ip("-n", name, "addr", "add", `${address}/24`, "dev", "eth0");
    await ip("-n", name, "link", "set", "lo", "up");
    await ip("-n", name, "link", "set", "eth0", "up");
    names.push(name);
    hosts.push({ address, wrapper: ["ip", "netns", "exec", name] });
  }
  const cuts: (readonly string[])[] = [];
  const owned = stack.move();
  return {
    hosts,
    async cut(from, to) {
      const route = [names[from]!, `${hosts[to]!.address}/32`] as const;
      cuts.push(route);
      await ip("-n", route[0], "route", "replace", "blackhole", route[1]);
    },
    async mend() {
      for (const [name = "", address = ""] of cuts.splice(0))
        await ip("-n", name, "route", "del", "blackhole", address);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function ip(...args: string[]): Promise<void> {
  await execute("ip", args);
}
