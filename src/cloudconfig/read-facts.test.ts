import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { readMachineFacts } from "./read-facts.ts";

async function makeRoot(t: TestContext, files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(root, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

test("readMachineFacts() reads what the root has, the environment winning", async (t) => {
  const environment = "COREOS_PRIVATE_IPV4=10.0.0.1\nCOREOS_PUBLIC_IPV4=10.0.0.2\n";
  const root = await makeRoot(t, {
    "etc/environment": environment,
    "etc/hostname": "core-01\n",
    "etc/keelson/metadata": "# note\nrole=worker\ndisk=ssd\n",
    "usr/share/coreos/update.conf": "GROUP=stable\n",
  });
  assert.deepEqual(await readMachineFacts(root, { COREOS_PUBLIC_IPV4: "192.0.2.1" }), {
    privateIpv4: "10.0.0.1",
    publicIpv4: "192.0.2.1",
    currentHostname: "core-01",
    environmentFile: environment,
    updateConf: "GROUP=stable\n",
    metadata: { role: "worker", disk: "ssd" },
  });
});

test("readMachineFacts() takes a root that has nothing", async (t) => {
  assert.deepEqual(await readMachineFacts(await makeRoot(t, {}), {}), { metadata: {} });
});

test("readMachineFacts() refuses metadata that fleet could not take", async (t) => {
  for (const line of ["role", "a=b,c=d", "=x"]) {
    const root = await makeRoot(t, { "etc/keelson/metadata": `ok=1\n${line}\n` });
    await assert.rejects(readMachineFacts(root, {}), { code: "CONFIG_INVALID", message: /line 2/ });
  }
});
