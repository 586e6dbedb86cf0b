// What a container writes on its disk stays in it: its disk lies among this computer's files.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { openContainerCluster } from "#test/support/container-cluster.ts";

const execute = promisify(execFile);

const NEVER = new AbortController().signal;
const NOBODY = ["--reuid=65534", "--regid=65534", "--clear-groups"]; // setpriv(1) itself keeps its capabilities

test("a setuid program on a disk is out of reach for this computer's users", async () => {
  await using cluster = await openContainerCluster({ count: 1 });
  await mkdir(cluster.state.machines, { recursive: true });
  await chmod(cluster.state.machines, 0o755); // as they were formerly
  await cluster.boot();
  await cluster.succeed("core-01", "cp /usr/bin/id /var/id; chmod 4755 /var/id; sync");
  const program = join(cluster.state.root("core-01"), "disk/var/id");
  assert.equal((await stat(program)).mode & 0o7777, 0o4755);
  await chmod(dirname(cluster.state.path), 0o755);
  const tried = execute("setpriv", [...NOBODY, "sh", "-c", program]);
  await assert.rejects(tried, /Permission denied/);
  assert.equal(((await stat("/var/cache/keelson")).mode & 0o777).toString(8), "700");
  assert.equal(await cluster.succeed("core-01", "runuser -u core -- id -un"), "core\n");
});

test("a link on a disk leads nowhere on this computer when the next boot writes there", async () => {
  await using cluster = await openContainerCluster({ count: 1 });
  const elsewhere = await mkdtemp("/srv/keelson-elsewhere-"); // there and, by the same name, inside
  try {
    await cluster.boot();
    await cluster.succeed(
      "core-01",
      `mkdir ${elsewhere} && mv /etc/ssh ${elsewhere} && ln -s ${elsewhere}/ssh /etc/ssh`,
    );
    await cluster.succeed("core-01", `mkdir ${elsewhere}/cloud; rm -rf /var/lib/coreos-install`);
    await cluster.succeed("core-01", `ln -s ${elsewhere}/cloud /var/lib/coreos-install; sync`);
    await mkdir(join(elsewhere, "cloud"));
    await cluster.provider.halt("core-01", { leave: true }, NEVER);
    const fresh = "#cloud-config\nwrite_files: [{path: /var/fresh, content: yes}]\n";
    await cluster.provider.writeUserData("core-01", fresh);
    await cluster.boot();
    assert.deepEqual(await readdir(elsewhere), ["cloud"]);
    assert.deepEqual(await readdir(join(elsewhere, "cloud")), []);
    assert.equal(existsSync("/var/fresh"), false);
    assert.equal(await cluster.succeed("core-01", "cat /var/fresh"), "yes");
    assert.equal((await cluster.ssh("core-01", "hostname")).stdout, "core-01\n");
    const inside = await cluster.succeed("core-01", `cat ${elsewhere}/cloud/user_data`);
    assert.equal(inside, fresh);
    assert.match(
      await readFile(
        (await cluster.provider.sshAccess(cluster.machines[0]!)).knownHostsFile,
        "utf8",
      ),
      /ssh-ed25519 \S+/,
    );
  } finally {
    await rm(elsewhere, { recursive: true });
  }
});
