import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { systemClock } from "#base/clock.ts";
import { CloudSigmaSource } from "./cloudsigma-source.ts";

const signal = new AbortController().signal;

/**
 * A terminal that answers as CloudSigma's hypervisor does: prints the terminal's path, then reads requests. Answers come
 * in pieces, as from a serial line.
 */
const HYPERVISOR = `
import os, sys, json, pty, tty, time
context = json.loads(sys.argv[1])
master, slave = pty.openpty()
tty.setraw(slave)
print(os.ttyname(slave), flush=True)
seen = b""
while True:
    seen += os.read(master, 4096)
    if seen.startswith(b"<\\n") and seen.endswith(b"\\n>"):
        query = seen[2:-2].decode()
        seen = b""
        if query == "/meta/": answer = json.dumps(context["meta"])
        elif query == "": answer = json.dumps(context)
        else: answer = "unknown " + query
        answer = answer.encode() + b"\\x04"
        for i in range(0, len(answer), 100):
            os.write(master, answer[i:i + 100])
            time.sleep(0.001)
`;

async function startHypervisor(t: TestContext, context: object): Promise<string> {
  const child = spawn("python3", ["-c", HYPERVISOR, JSON.stringify(context)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  t.after(async () => {
    child.kill("SIGKILL");
    await closed;
  });
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  return line;
}

async function makeMachine(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(root, { recursive: true }));
  for (const directory of ["sys/class/dmi/id", "run/systemd/netif/leases", "dev"])
    await mkdir(join(root, directory), { recursive: true });
  return root;
}

test("a CloudSigma machine reads its server context over the serial line", async (t) => {
  const machineRoot = await makeMachine(t);
  const userData = `#cloud-config\n# ${"filler ".repeat(300)}\nhostname: ü\n`;
  const meta = {
    "cloudinit-user-data": Buffer.from(userData).toString("base64"),
    base64_fields: "cloudinit-user-data",
    ssh_public_key: "ssh-ed25519 AAAA me",
  };
  const port = await startHypervisor(t, { name: "sigma-1", meta, nics: [] });
  await symlink(port, join(machineRoot, "dev/ttyS1"));
  const source = new CloudSigmaSource({ clock: systemClock, machineRoot });
  assert.equal(new TextDecoder().decode(await source.fetchUserData(signal)), userData);
  assert.deepEqual(await source.fetchMetadata(signal), {
    hostname: "sigma-1",
    sshPublicKeys: { me: "ssh-ed25519 AAAA me" },
  });
});

test("the wait for a serial line that is silent ends when it is told to", async (t) => {
  const machineRoot = await makeMachine(t);
  const port = await startHypervisor(t, { meta: {} });
  await symlink(port, join(machineRoot, "dev/ttyS1"));
  const stop = new AbortController();
  const clock = {
    ...systemClock,
    // The time limit: nothing is answered until it is over.
    sleep: () => Promise.resolve(stop.abort(new Error("enough"))),
  };
  const source = new CloudSigmaSource({ clock, machineRoot });
  await assert.rejects(source.fetchMetadata(stop.signal), /enough/);
});

test("a machine without that serial line says so", async (t) => {
  const machineRoot = await makeMachine(t);
  const source = new CloudSigmaSource({ clock: systemClock, machineRoot });
  await assert.rejects(source.fetchUserData(signal), {
    code: "SOURCE_FAILED",
    message: /^Cannot read the server context from .*dev\/ttyS1: ENOENT/,
  });
});

test("CloudSigma's source is available on its machines, once they have an address", async (t) => {
  const machineRoot = await makeMachine(t);
  const source = new CloudSigmaSource({ clock: systemClock, machineRoot });
  const reason = async () => {
    const found = await source.availability();
    return found.available ? "available" : found.reason;
  };
  assert.equal(await reason(), "the firmware does not say what machine this is");
  const product = join(machineRoot, "sys/class/dmi/id/product_name");
  await writeFile(product, "KVM\n");
  assert.equal(await reason(), 'this machine is a "KVM"');
  await writeFile(product, "CloudSigma\n");
  assert.equal(await reason(), "no address was leased yet");
  await rm(join(machineRoot, "run/systemd/netif"), { recursive: true });
  assert.equal(await reason(), "no address was leased yet");
  await mkdir(join(machineRoot, "run/systemd/netif/leases"), { recursive: true });
  await writeFile(join(machineRoot, "run/systemd/netif/leases/2"), "ADDRESS=10.0.0.2\n");
  assert.equal(await reason(), "available");
});
