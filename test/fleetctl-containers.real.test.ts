import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { sshConfigBlock } from "#cli/keelson/ssh-command.ts";
import type { Machine } from "#machines/core/machine.ts";
import { type ContainerCluster, openContainerCluster } from "./support/container-cluster.ts";
import { PROGRAM } from "./support/keelson.ts";

const run = promisify(execFile);
const LIMIT_MS = 60_000;

/** One file for all machines, which says nothing of any of them. */
const TEMPLATE = `#cloud-config
## template: keelson
coreos:
  etcd2:
    name: "{{ hostname }}"
    initial-cluster: "core-01=http://{{ default.ipv4 | split('.') | slice(0, 3) | join('.') }}.1:2380"
    proxy: auto
    listen-client-urls: "http://{{ default.ipv4 }}:2379"
    advertise-client-urls: "http://{{ default.ipv4 }}:2379"
    listen-peer-urls: "http://{{ default.ipv4 }}:2380"
    initial-advertise-peer-urls: "http://{{ default.ipv4 }}:2380"
  fleet:
    public-ip: "{{ default.ipv4 }}"
    etcd-servers: "http://{{ default.ipv4 }}:2379"
    metadata: "name={{ hostname }},arch={{ machine.arch }}"
  units:
    - {name: etcd2.service, command: start}
    - {name: fleet.service, command: start}
write_files:
  - when: metadata.role == "store"
    path: /etc/store
    content: "{{ machine.id }} {{ default.mac }}"
`;

/** The ssh_config(5) that `keelson ssh-config` prints for machines. */
async function sshConfigOf(cluster: ContainerCluster): Promise<string> {
  const blocks = cluster.machines.map(async (machine) =>
    sshConfigBlock(machine.name, await cluster.provider.sshAccess(machine)),
  );
  return (await Promise.all(blocks)).join("\n");
}

function expectedMachines(machines: readonly Machine[]): string {
  const lines = machines.map(
    ({ id, address, name, metadata }) =>
      `${id}\t${address}\tarch=${process.arch === "x64" ? "x86_64" : process.arch},name=${name},role=${metadata["role"]}\n`,
  );
  return lines.toSorted().join("");
}

test("machines made from one template are a fleet that FLEETCTL_TUNNEL and fleetctl ssh reach", async () => {
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await openContainerCluster({ count: 2, userData: () => TEMPLATE }));
  const directory = await mkdtemp(join(tmpdir(), "keelson-tunnel-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  await cluster.boot();
  const config = join(directory, "ssh_config");
  await writeFile(config, await sshConfigOf(cluster));
  const env = {
    PATH: process.env["PATH"],
    TMPDIR: directory,
    KEELSON_SOURCE: "1",
    FLEETCTL_SSH_CONFIG: config,
    FLEETCTL_TUNNEL: "core-02",
  };
  const fleetctl = async (...words: string[]) =>
    await run(PROGRAM, ["fleetctl", ...words], { env, cwd: directory });

  const expected = expectedMachines(cluster.machines);
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const { stdout } = await fleetctl("list-machines", "--full", "--no-legend");
    if (stdout === expected) break;
    if (Date.now() > end) assert.equal(stdout, expected);
    await sleep(200);
  }

  await writeFile(
    join(directory, "hello.service"),
    "[Service]\nExecStart=/bin/sh -c 'echo hello; exec sleep infinity'\n[X-Fleet]\nMachineMetadata=name=core-01\n",
  );
  assert.match((await fleetctl("start", "hello")).stdout, /^Unit hello\.service launched on /m);
  assert.match((await fleetctl("status", "hello")).stdout, /Active: active \(running\)/);
  assert.match((await fleetctl("journal", "hello")).stdout, /hello/);

  const [store] = cluster.machines;
  assert.equal((await fleetctl("ssh", "hello", "hostname")).stdout, "core-01\n");
  assert.equal(
    (await fleetctl("--tunnel=", "--endpoint=http://127.0.0.1:1", "version")).stderr,
    "",
  );
  const { stdout } = await fleetctl("ssh", store!.id.slice(0, 12), "cat", "/etc/store");
  assert.match(stdout, new RegExp(`^${store!.id} ([0-9a-f]{2}:){5}[0-9a-f]{2}$`));
  assert.equal((await cluster.run("core-02", "test -e /etc/store")).status, 1);

  // What the original's fleetctl sends through its tunnel.
  const forward = ["-F", config, "core-01", "fleetctl fd-forward /var/run/fleet.sock"];
  const child = spawn("ssh", forward, { stdio: ["pipe", "pipe", "inherit"] });
  let answer = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (answer += text));
  child.stdin.write(
    "GET /fleet/v1/machines HTTP/1.1\r\nHost: domain-sock\r\nConnection: close\r\n\r\n",
  );
  await once(child, "exit", { signal: AbortSignal.timeout(LIMIT_MS) });
  assert.match(answer, new RegExp(`"primaryIP":\\s*"${store!.address.replaceAll(".", "\\.")}"`));

  assert.deepEqual((await readdir(directory)).toSorted(), ["hello.service", "ssh_config"]);
});
