import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { cloudinitOn } from "#cli/coreos-cloudinit.ts";
import {
  type FakeRoutes,
  startFakeService,
} from "#cloudconfig/sources/metadata-service-for-tests.ts";
import { PatientClock } from "#cloudconfig/sources/patient-clock-for-tests.ts";
import { SELECT_TIMEOUT_MS } from "#cloudconfig/sources/select-source.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBob bob@desk";
const EC2 = {
  "/2009-04-04/": "",
  "/2009-04-04/user-data": "#cloud-config\nwrite_files:\n  - {path: /a, content: $private_ipv4}\n",
  "/2009-04-04/meta-data/public-keys": "0=bob",
  "/2009-04-04/meta-data/public-keys/0/openssh-key": KEY,
  "/2009-04-04/meta-data/hostname": "node-1",
  "/2009-04-04/meta-data/local-ipv4": "10.0.0.4",
  "/2009-04-04/meta-data/public-ipv4": "203.0.113.9",
};

interface Machine {
  readonly root: string;
  readonly run: (args: readonly string[]) => Promise<{ status: number; out: string; err: string }>;
}

const REQUEST_MS = 10_000;

/** A machine with these files. */
async function makeMachine(
  t: TestContext,
  files: Readonly<Record<string, string>> = {},
  clock = new PatientClock([REQUEST_MS, SELECT_TIMEOUT_MS]),
): Promise<Machine> {
  const root = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(root, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return {
    root,
    run: async (args) => {
      const [stdout, stderr] = [new PassThrough(), new PassThrough()];
      const io = { stdout, stderr, env: { KEELSON_ROOT: root }, cwd: root };
      const stdin = Readable.from([]);
      const { signal } = new AbortController();
      const status = await cloudinitOn({ clock, machineRoot: root }, args, {
        ...io,
        stdin,
        signal,
      });
      stdout.end();
      stderr.end();
      return { status, out: await text(stdout), err: await text(stderr) };
    },
  };
}

test("coreos-cloudinit applies what a metadata service says of the machine, and its user-data", async (t) => {
  await using service = await startFakeService(EC2);
  const { run } = await makeMachine(t);
  const { status, out, err } = await run([`--from-ec2-metadata=${service.url}`, "--dry-run"]);
  assert.equal(status, 0, err);
  assert.match(out, /^set hostname node-1\n/);
  assert.match(
    out,
    /^authorize 1 ssh key for core \(coreos-cloudinit\)\n {4}ssh-ed25519 .* bob@desk$/m,
  );
  assert.match(out, /^write \/a \(0644\)\n {4}10\.0\.0\.4$/m);
  assert.match(
    out,
    /^write \/etc\/environment .*\n( {4}.*\n)* {4}COREOS_PUBLIC_IPV4=203\.0\.113\.9$/m,
  );
  assert.equal(
    err,
    `coreos-cloudinit: Checking availability of "ec2-metadata-service" at ${service.url}
coreos-cloudinit: Fetching user-data from datasource of type "ec2-metadata-service"
coreos-cloudinit: Fetching data from ${service.url}2009-04-04/user-data. Attempt #1
coreos-cloudinit: Fetching meta-data from datasource of type "ec2-metadata-service"
${Object.keys(EC2)
  .filter((path) => path.includes("meta-data"))
  .map(
    (path) => `coreos-cloudinit: Fetching data from ${service.url}${path.slice(1)}. Attempt #1\n`,
  )
  .join("")
  .replace(/(openssh-key.*\n)/, '$1coreos-cloudinit: Found SSH key for "bob"\n')}`,
  );
});

test("coreos-cloudinit --ssh-key-name names the keys of the metadata", async (t) => {
  await using service = await startFakeService(EC2);
  const { run } = await makeMachine(t);
  const line = [`--from-ec2-metadata=${service.url}`, "--ssh-key-name=cloud", "--dry-run"];
  assert.match((await run(line)).out, /^authorize 1 ssh key for core \(cloud\)$/m);
});

test("the user-data's hostname goes before the metadata's, which is told", async (t) => {
  await using service = await startFakeService({
    ...EC2,
    "/2009-04-04/user-data": "#cloud-config\nhostname: own\n",
  });
  const { run } = await makeMachine(t);
  const { out, err } = await run([`--from-ec2-metadata=${service.url}`, "--dry-run"]);
  assert.match(out, /^set hostname own\n/);
  assert.match(err, /The user-data's hostname own counts, not the metadata's node-1/);
});

test("a metadata's hostname that is none is passed over, and told in one line", async (t) => {
  const { root, run } = await makeMachine(t, {
    "drive/openstack/latest/user_data": "#cloud-config\nmanage_etc_hosts: localhost\n",
    "drive/openstack/latest/meta_data.json": '{"hostname":"a\\n127.0.0.1 bank.example"}',
  });
  const { status, out, err } = await run([`--from-configdrive=${root}/drive`]);
  assert.deepEqual([status, out], [0, "write /etc/hosts (0644): done\n"]);
  assert.match(err, /hostname "a\\n127.0.0.1 bank.example" is passed over: no machine can have it/);
  assert.equal(await readFile(join(root, "etc/hosts"), "utf8"), "127.0.0.1 localhost\n");
});

for (const { name, userData } of [
  { name: "is malformed", userData: "#cloud-config\nhostname: [\n" },
  { name: "is nothing known", userData: "hello" },
  { name: "is broken gzip", userData: { status: 200, body: Buffer.from([0x1f, 0x8b, 0]) } },
])
  test(`when user-data ${name}, its machine still gets the metadata's hostname and keys`, async (t) => {
    const routes = { ...EC2, "/2009-04-04/user-data": userData };
    await using service = await startFakeService(routes);
    const { run } = await makeMachine(t);
    const line = [`--from-ec2-metadata=${service.url}`, "--dry-run"];
    const { status, out, err } = await run(line);
    assert.equal(status, 1);
    assert.match(out, /^set hostname node-1\nauthorize 1 ssh key for core/);
    assert.match(err, /What the metadata says is applied all the same/);
    assert.equal((await run([...line, "--ignore-failure"])).status, 0);
  });

test("metadata that cannot be read ends it before anything is changed", async (t) => {
  const { root, run } = await makeMachine(t, {
    "drive/openstack/latest/user_data": "#cloud-config\nwrite_files: [{path: /a}]\n",
    "drive/openstack/latest/meta_data.json": "no JSON",
  });
  const { status, err } = await run([`--from-configdrive=${root}/drive`, "--ignore-failure"]);
  assert.equal(status, 1);
  assert.match(err, /Cannot read the metadata at .*meta_data.json: it is no JSON/);
  await assert.rejects(readFile(join(root, "a")), { code: "ENOENT" });
});

test("coreos-cloudinit --convert-netconf sets up the network that a drive describes", async (t) => {
  const { root, run } = await makeMachine(t, {
    "drive/openstack/latest/meta_data.json": '{"network_config":{"content_path":"/content/0000"}}',
    "drive/openstack/content/0000": "auto eth0\niface eth0 inet dhcp\n",
  });
  const line = [`--from-configdrive=${root}/drive`, "--convert-netconf=debian", "--dry-run"];
  const { status, out } = await run(line);
  assert.equal(status, 0);
  assert.match(out, /^write \/run\/systemd\/network\/\S*eth0.network .*\n( {4}.*\n)+/m);
  assert.match(out, /^restart systemd-networkd.service$/m);
  assert.match(
    (await run(["--oem=rackspace-onmetal", "--dry-run"])).err,
    /cloud-drive at \/media\/configdrive: it is not there/,
  );
  assert.doesNotMatch((await run([line[0]!, "--dry-run"])).out, /network/);
});

test("coreos-cloudinit --convert-netconf without a network's description leaves it as it is", async (t) => {
  const { root, run } = await makeMachine(t, { file: "#cloud-config\n" });
  const { status, err } = await run([`--from-file=${root}/file`, "--convert-netconf=debian"]);
  assert.equal(status, 0);
  assert.equal(err, 'coreos-cloudinit: "local-file" describes no network: it stays as it is\n');
});

test("a script has the metadata's addresses, and is kept in the workspace", async (t) => {
  const script = "#!/bin/sh\necho $public_ipv4 $HOME \\$private_ipv4\n";
  await using service = await startFakeService({ ...EC2, "/2009-04-04/user-data": script });
  const { run } = await makeMachine(t);
  const line = [`--from-ec2-metadata=${service.url}`, "--workspace=/var/lib/mine", "--dry-run"];
  const { status, out } = await run(line);
  assert.equal(status, 0);
  const shown = "#!/bin/sh\necho 203.0.113.9 $HOME $private_ipv4\n".replaceAll(/^(?=.)/gm, "    ");
  assert.ok(out.endsWith(`run the script, kept in /var/lib/mine/scripts\n${shown}`), out);
});

test("of several sources the first that is there is used, however long that takes", async (t) => {
  await using service = await startFakeService({});
  const files: string[] = [];
  const appear = (count: number) => {
    if (count !== 12) return;
    for (const file of files)
      writeFileSync(file, "#cloud-config\nwrite_files: [{path: /a, content: b}]\n");
  };
  const clock = new PatientClock([REQUEST_MS, SELECT_TIMEOUT_MS], appear);
  const { root, run } = await makeMachine(t, {}, clock);
  files.push(join(root, "late"));
  const { status, err } = await run([
    `--from-file=${root}/late`,
    `--from-digitalocean-metadata=${service.url}`,
    "--from-proc-cmdline",
  ]);
  assert.equal(status, 0, err);
  assert.equal(await readFile(join(root, "a"), "utf8"), "b");
  assert.match(err, /"proc-cmdline" at \S+ is not available/);
});

test("coreos-cloudinit --wait bounds the time for sources to appear", async (t) => {
  const clock: PatientClock = new PatientClock([7000], (count) => {
    if (count === 5) clock.endLimit(7000);
  });
  const { root, run } = await makeMachine(t, {}, clock);
  const { status, err } = await run([`--from-file=${root}/never`, "--wait=7"]);
  assert.equal(status, 1);
  assert.match(
    err,
    /no datasource is available in time: local-file at .*never: it is not there\n$/,
  );
  await assert.rejects(run(["--from-file=/never", "--wait=long"]), { code: "USAGE" });
});

test("coreos-cloudinit --facts shows what templates know, the metadata's word included", async (t) => {
  await using service = await startFakeService(EC2);
  const { run } = await makeMachine(t, { "etc/keelson/metadata": "role=web\n" });
  assert.match((await run(["--facts"])).out, /^metadata\.role = web$/m);
  const { out } = await run([`--from-ec2-metadata=${service.url}`, "--facts", "--json"]);
  const facts = JSON.parse(out) as Readonly<Record<string, unknown>>;
  assert.equal(facts["private_ipv4"], "10.0.0.4");
  assert.equal(facts["hostname"], "node-1");
});

const CONFIG = "#cloud-config\n";
const trouble = { status: 500 };

/** Requests and status of the original with --validate, recorded. */
for (const { name, routes, flag, requests, status = 0 } of [
  { name: "a URL", routes: { "/x": CONFIG }, flag: "--from-url=URLx", requests: "/x /x" },
  {
    name: "a URL that appears late",
    routes: { "/x": [{ status: 404 }, trouble, { status: 0 }, CONFIG] },
    flag: "--from-url=URLx",
    requests: "/x /x /x /x /x",
  },
  {
    name: "a URL in trouble once it was there",
    routes: { "/x": [CONFIG, trouble, { status: 502 }, CONFIG] },
    flag: "--from-url=URLx",
    requests: "/x /x /x /x",
  },
  {
    name: "a URL with odd answers first",
    routes: { "/x": [{ status: 300 }, { status: 304 }, CONFIG] },
    flag: "--from-url=URLx",
    requests: "/x /x /x /x",
  },
  {
    name: "a URL with a query, redirected",
    routes: {
      "/x?a=b%20c": { status: 303, headers: { location: "y?z=1#there" } },
      "/y?z=1": CONFIG,
    },
    flag: "--from-url=URLx?a=b%20c#here",
    requests: "/x?a=b%20c /y?z=1 /x?a=b%20c /y?z=1",
  },
  {
    name: "EC2's service, the slash forgotten",
    routes: EC2,
    flag: "--from-ec2-metadata=URL",
    requests: "/2009-04-04/ /2009-04-04/user-data",
  },
  {
    name: "GCE's service without user-data",
    routes: { "/computeMetadata/v1/": "" },
    flag: "--from-gce-metadata=URL",
    requests: "/computeMetadata/v1/ /computeMetadata/v1/instance/attributes/user-data",
  },
  {
    name: "DigitalOcean's service",
    routes: { "/metadata/v1": "", "/metadata/v1/user-data": CONFIG },
    flag: "--from-digitalocean-metadata=URL",
    requests: "/metadata/v1 /metadata/v1/user-data",
  },
  {
    name: "Packet's service, user-data that is none",
    routes: { "/": "", "/userdata": "hello" },
    flag: "--from-packet-metadata=URL",
    requests: "/ /userdata",
    status: 1,
  },
])
  test(`coreos-cloudinit --validate asks ${name} as the original does`, async (t) => {
    await using service = await startFakeService(routes as FakeRoutes);
    const { run } = await makeMachine(t);
    const url = flag.endsWith("=URL") ? service.url.slice(0, -1) : service.url;
    const result = await run([flag.replace("URL", url), "--validate", "--wait=300"]);
    assert.equal(result.status, status, result.err);
    assert.equal(service.requests.join(" "), requests);
  });
