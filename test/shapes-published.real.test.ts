// Cloud-configs as people published them, filled in and each applied by machines: they form the clusters that their
// authors described.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { freePort } from "#keys/real-etcd.ts";
import { type Example, openExample, until } from "#test/support/example.ts";

const NETWORK = "10.201.86"; // apart from machines that a person may have
const GATEWAY = `${NETWORK}.254`; // this computer, as its machines see it

/** Metadata of the machines that the fleet behind one machine has, once there are that many. */
async function fleetOf(example: Example, name: string, count: number): Promise<readonly string[]> {
  let rows: string[] = [];
  await until(
    `the fleet of ${name} has ${count} machines`,
    async () => {
      const { stdout } = await example.run(
        `keelson ssh ${name} fleetctl list-machines --no-legend --fields=ip,metadata`,
      );
      rows = stdout.trim().split("\n");
      return rows.length === count;
    },
    () => rows.join(),
  );
  return rows.map((row) => row.replace(`${NETWORK}.`, "").replace("\t", " ")).toSorted();
}

/** A directory's keys with what is there, by one machine's etcdctl. */
function etcdctl(example: Example, name: string, line: string): Promise<string> {
  return example.says(`keelson ssh ${name} etcdctl ${line}`);
}

test("cloud-configs as published", async (t: TestContext) => {
  await using example = await openExample("shapes/published", { "192.168.3": NETWORK });
  const { directory } = example;
  const port = await freePort();
  await using discovery = example.start(
    `keelson discovery --listen http://0.0.0.0:${port} --url http://${GATEWAY}:${port} --data-dir tokens`,
  );
  const newUrl = async (size: number) => {
    const asked = `curl --silent --show-error 'http://127.0.0.1:${port}/new?size=${size}'`;
    let url = "";
    await until(
      "the service gives out a URL",
      async () => (url = (await example.run(asked)).stdout.trim()) !== "",
      discovery.said,
    );
    return url;
  };
  const key = join(directory, "key");
  await promisify(execFile)("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const publicKey = (await readFile(`${key}.pub`, "utf8")).trim();
  for (const [file, size] of [
    ["heat-control", 1],
    ["basic", 3],
    ["slides", 1],
    ["controller", 1],
  ] as const)
    await example.edit(file, { "<discovery-url>": await newUrl(size), "<public-key>": publicKey });
  await example.edit("pxe", { "<public-key>": publicKey });
  await example.edit("heat-worker", { "<control-address>": `${NETWORK}.11` });
  await example.edit("network", { "<controller-address>": `${NETWORK}.51` });
  await example.says("keelson up control node basic slides pxe");
  /** As the person whose key the cloud-config has; the machine's own is not needed for it. */
  const login = (at: number, line: string) =>
    example.says(
      `ssh -i ${key} -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR core@${NETWORK}.${at} ${line}`,
    );

  await t.test("OpenStack Heat's: a control node with the store, workers with none", async () => {
    const fleet = ["11 role=control", "12 role=node", "13 role=node"];
    assert.deepEqual(await fleetOf(example, "control-01", 3), fleet);
    const { stdout } = await example.run("keelson ssh node-01 systemctl is-enabled etcd2.service");
    assert.match(stdout, /^masked/);
    await etcdctl(example, "control-01", "set coreos/network/config 192.168.3.0/24");
    assert.equal(
      await example.says(`etcdctl --no-sync --endpoints http://${NETWORK}.11:2379 ls --recursive`),
      "/coreos\n/coreos/network\n/coreos/network/config\n",
    );
    const conf = await example.says("keelson ssh node-01 cat /etc/coreos/update.conf");
    assert.match(conf, /^GROUP=alpha$/m);
    assert.match(conf, /^REBOOT_STRATEGY=reboot$/m);
  });

  await t.test("an article's three machines, by a discovery URL", async () => {
    assert.equal((await fleetOf(example, "basic-01", 3)).length, 3);
    const keys = await etcdctl(example, "basic-03", "ls --recursive /_coreos.com");
    assert.equal(
      keys.match(/^\/_coreos\.com\/fleet\/machines\/[0-9a-f]{32}\/object$/gm)?.length,
      3,
      keys,
    );
    assert.match(await login(22, "cat /etc/hosts"), /^192\.168\.2\.21 host\.on\.private\.net$/m);
  });

  await t.test("a slide's", async () => {
    assert.deepEqual(await fleetOf(example, "slides-01", 1), ["31 region=us-west"]);
    assert.match(await login(31, "cat /etc/coreos/update.conf"), /^REBOOT_STRATEGY=etcd-lock$/m);
  });

  await t.test("of booting over the network: a machine for itself, with a key", async () => {
    assert.equal((await fleetOf(example, "pxe-01", 1)).length, 1);
    assert.equal(await login(41, "id --user --name"), "core\n");
    assert.equal(await login(41, "etcdctl set /topic coreos"), "coreos\n");
  });

  // Machines without flannel and Docker: what the cloud-config starts of them fails and is told, all else is done.
  await t.test(
    "of OpenStack on CoreOS: what is missing is told, and the machines join",
    async () => {
      for (const group of ["controller", "network"]) {
        const { status, stderr } = await example.run(`keelson up ${group}`);
        assert.equal(status, 65, stderr);
        assert.match(stderr, /flanneld\.service/);
        assert.match(stderr, /docker\.service/);
        assert.doesNotMatch(stderr, /could not start (?:etcd2|fleet)\.service/);
      }
      assert.deepEqual(await fleetOf(example, "network-01", 2), [
        "51 role=controller",
        "61 role=network",
      ]);
      assert.match(await example.says("keelson ssh controller-01 timedatectl"), /Asia\/Seoul/);
      assert.equal(
        await example.says("keelson ssh network-01 cat /run/flannel/options.env"),
        `FLANNELD_IFACE=${NETWORK}.61\n`,
      );
    },
  );
});
