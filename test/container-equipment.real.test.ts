// What a container is given beside its identity: folders, limits, a channel.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { Equipment } from "#machines/core/machine.ts";
import { openContainerCluster } from "#test/support/container-cluster.ts";

const NEVER = new AbortController().signal;
const MIB = 1024 * 1024;

/** A cluster whose first machine has the equipment, and a directory of this computer for it to share. */
async function equipped(equipment: (directory: string) => Equipment) {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp("/tmp/keelson-folder-");
  stack.defer(() => rm(directory, { recursive: true }));
  const cluster = stack.use(
    await openContainerCluster({ count: 1, equipment: () => equipment(directory) }),
  );
  const owned = stack.move();
  return { cluster, directory, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

test("folders of this computer are seen inside, and written only where that is meant", async () => {
  await using given = await equipped((directory) => ({
    folders: [
      { host: join(directory, "both:ways"), path: "/home/core/share", readOnly: false },
      { host: directory, path: "/srv/a: b", readOnly: true },
    ],
  }));
  const { cluster, directory } = given;
  await mkdir(join(directory, "both:ways"));
  await writeFile(join(directory, "hello"), "from here\n");
  await cluster.boot();
  assert.equal(await cluster.succeed("core-01", "cat '/srv/a: b/hello'"), "from here\n");
  assert.notEqual((await cluster.run("core-01", "echo x > '/srv/a: b/hello'")).status, 0);
  await cluster.succeed("core-01", "echo from inside > /home/core/share/answer");
  assert.equal(await readFile(join(directory, "both:ways/answer"), "utf8"), "from inside\n");
});

test("a folder that is not there is said before the machine is switched on", async () => {
  await using given = await equipped((directory) => ({
    folders: [{ host: join(directory, "nowhere"), path: "/srv/x", readOnly: true }],
  }));
  const { cluster, directory } = given;
  const [machine] = cluster.machines;
  const fault = {
    code: "FILE_UNREADABLE",
    message: /share .*nowhere with core-01 as \/srv\/x: there is no such directory.*keelson\.yaml/,
  };
  await assert.rejects(cluster.provider.boot(machine!, NEVER), fault);
  await writeFile(join(directory, "nowhere"), "");
  await assert.rejects(cluster.provider.boot(machine!, NEVER), { message: /no directory/ });
  assert.deepEqual(await cluster.traces(), []);
});

test("memory and processors are limited, and the limits may change with a boot", async () => {
  await using given = await equipped(() => ({ folders: [], memoryBytes: 256 * MIB, cpus: 0.25 }));
  const { cluster } = given;
  await cluster.boot();
  const greedy =
    "head --bytes=400M /dev/zero | tail --bytes=400M > /dev/null; echo ${PIPESTATUS[1]}";
  assert.equal(
    (await cluster.ssh("core-01", greedy)).stdout.trim(),
    "137",
    "killed for its memory",
  );
  const busy = "TIMEFORMAT=%U; time timeout 4 sh -c 'while :; do :; done'";
  const quarter = Number((await cluster.ssh("core-01", busy)).stderr.trim());
  assert.ok(quarter < 1.5, `a quarter of a processor gave ${quarter} s of 4 s`);

  await cluster.provider.cutPower("core-01", NEVER);
  const [machine] = cluster.machines;
  await cluster.provider.boot({ ...machine!, equipment: { folders: [] } }, NEVER);
  await cluster.succeed("core-01", "systemctl is-system-running --wait");
  assert.equal((await cluster.ssh("core-01", greedy)).stdout.trim(), "0");
});

test("the channel is what update.conf says until a cloud-config says otherwise", async () => {
  await using given = await equipped(() => ({ folders: [], channel: "beta" }));
  const { cluster } = given;
  await cluster.boot();
  assert.equal(
    await cluster.succeed("core-01", "cat /usr/share/coreos/update.conf"),
    "GROUP=beta\n",
  );
});
