import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";

const HOME = join(import.meta.dirname, "..");
const TEMPLATES = join(HOME, "examples/templates");

/** A machine whose network interface eth0 has an address that /etc/hosts has a name for, in namespaces of its own. */
const MACHINE = `
mount --make-rprivate /
mount -t sysfs sysfs /sys
mount --bind "$1" /etc/hosts
ip link set lo up
ip link add eth0 address 00:00:5e:00:53:07 type veth peer name other
ip link set other up
ip addr add 203.0.113.7/24 dev eth0
ip link set eth0 up
ip route add default via 203.0.113.1
shift
exec "$@"
`;

const HOSTS = "127.0.0.1 localhost\n203.0.113.7 core-07.example.com core-07\n";

/** What the templates took the place of: a script that asks the machine and writes its cloud-config as text. */
const SCRIPT = `
PUBIP=$(ip addr show eth0 | grep -e "inet\\s" | awk '{print $2}' | cut -d/ -f1)
HOSTNAME=$(getent hosts $PUBIP | awk '{print $2}')
cat <<EOF
#cloud-config
hostname: $HOSTNAME
coreos:
  etcd2:
    name: $HOSTNAME
    advertise-client-urls: http://$PUBIP:2379
    initial-advertise-peer-urls: http://$PUBIP:2380
    listen-client-urls: http://0.0.0.0:2379
    listen-peer-urls: http://$PUBIP:2380
    initial-cluster: "$HOSTNAME=http://$PUBIP:2380"
  fleet:
    public-ip: $PUBIP
    metadata: arch=$(uname -m),os=debian
  units:
    - name: etcd2.service
      command: start
    - name: fleet.service
      command: start
EOF
`;

async function makeRoot(t: TestContext, files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "keelson-templates-"));
  t.after(() => rm(root, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

async function onMachine(root: string, ...argv: readonly string[]): Promise<string> {
  const user = process.geteuid?.() === 0 ? [] : ["--map-root-user"];
  const namespaces = [...user, "--mount", "--net", "--uts"];
  const all = [...namespaces, "sh", "-ec", MACHINE, "sh", join(root, "etc/hosts"), ...argv];
  const env = { ...process.env, KEELSON_SOURCE: "1" };
  const { stdout } = await promisify(execFile)("unshare", all, { env, cwd: HOME });
  return stdout;
}

function planned(root: string, file: string): Promise<string> {
  const keelson = [join(HOME, "bin/keelson"), "coreos-cloudinit"];
  return onMachine(root, ...keelson, `--root=${root}`, "--dry-run", `--from-file=${file}`);
}

const FILES = {
  "etc/hosts": HOSTS,
  "etc/hostname": "localhost\n",
  "etc/os-release": "ID=debian\n",
  "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
};

test("the template plans what the script's cloud-config plans, on a machine with eth0 and a name", async (t) => {
  const root = await makeRoot(t, FILES);
  const written = join(root, "cloud-config.yaml");
  await writeFile(written, await onMachine(root, "sh", "-ec", SCRIPT));
  const byScript = await planned(root, written);
  const byTemplate = await planned(root, join(TEMPLATES, "user-data"));
  assert.match(byTemplate, /set hostname core-07\.example\.com/);
  assert.match(
    byTemplate,
    /ETCD_INITIAL_CLUSTER=core-07\.example\.com=http:\/\/203\.0\.113\.7:2380/,
  );
  assert.equal(byTemplate, byScript);
});

test("without a name for its address the machine keeps the one it has", async (t) => {
  const hosts = "127.0.0.1 localhost\n";
  const root = await makeRoot(t, { ...FILES, "etc/hosts": hosts, "etc/hostname": "core-x\n" });
  const plan = await planned(root, join(TEMPLATES, "user-data"));
  assert.match(plan, /set hostname core-x\n/);
  assert.match(plan, /ETCD_INITIAL_CLUSTER=core-x=http/);
});

test("one file makes machines of several kinds, by their metadata", async (t) => {
  const plan = async (metadata: string) =>
    await planned(
      await makeRoot(t, { ...FILES, "etc/keelson/metadata": metadata }),
      join(TEMPLATES, "roles.user-data"),
    );
  const servers = "servers=10.0.0.1+10.0.0.2\n";
  const store = await plan(`role=store\nindex=3\n${servers}`);
  assert.match(store, /set hostname core-03\n/);
  assert.match(store, /"ETCD_PROXY=off"/);
  assert.match(store, /"FLEET_ETCD_SERVERS=http:\/\/10\.0\.0\.1:2379,http:\/\/10\.0\.0\.2:2379"/);
  assert.match(store, /write \/etc\/keelson\/store/);
  assert.match(store, /OnCalendar=\*:45\n/);
  const worker = await plan(`index=14\n${servers}`);
  assert.match(worker, /set hostname core-14\n/);
  assert.match(worker, /"ETCD_PROXY=on"/);
  assert.doesNotMatch(worker, /\/etc\/keelson\/store/);
  assert.match(worker, /core-14, \d+ processors, \d+ MiB/);
  await assert.rejects(plan(servers), /line 12.*metadata\.index is not known of this machine/);
});

test("both files pass --validate on any machine, without a warning", async (t) => {
  const root = await makeRoot(t, {});
  const run = promisify(execFile);
  for (const file of ["user-data", "roles.user-data"]) {
    const path = join(TEMPLATES, file);
    const args = ["coreos-cloudinit", "--validate", `--root=${root}`, `--from-file=${path}`];
    const env = { ...process.env, KEELSON_SOURCE: "1" };
    const { stderr } = await run(join(HOME, "bin/keelson"), args, { env });
    assert.equal(stderr, "");
  }
});
