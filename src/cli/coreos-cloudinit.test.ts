import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { coreosCloudinit } from "#cli/coreos-cloudinit.ts";

async function makeRoot(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(root, { recursive: true }));
  await mkdir(join(root, "etc/keelson"), { recursive: true });
  await writeFile(join(root, "etc/hostname"), "core-02\n");
  await writeFile(join(root, "etc/environment"), "COREOS_PRIVATE_IPV4=127.0.1.2\n");
  await writeFile(join(root, "etc/keelson/metadata"), "role=worker\n");
  return root;
}

/** Runs the program with the user-data on its standard input. */
async function run(
  args: readonly string[],
  userData: string | Buffer,
  root: string,
  isTTY = false,
) {
  const stdout = new PassThrough();
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const status = await coreosCloudinit(args, {
    stdin: Readable.from([Buffer.from(userData)]),
    stdout,
    stderr,
    env: { KEELSON_ROOT: root },
    cwd: root,
    signal: AbortSignal.timeout(60_000), // less than the five minutes that a source is waited for
  });
  stdout.end();
  stderr.end();
  return { status, out: await text(stdout), err: await text(stderr) };
}

const MOTD = "#cloud-config\nwrite_files:\n  - path: /etc/motd\n    content: at $private_ipv4\n";
const BAD = "#cloud-config\nhostname: [a]\ncoreos:\n  unit: []\n  units: {}\n";

test("coreos-cloudinit applies user-data to a root, and then finds nothing to change", async (t) => {
  const root = await makeRoot(t);
  await rm(join(root, "etc/keelson/metadata")); // with it there is a unit, which needs systemd
  const done = { status: 0, out: "write /etc/motd (0644): done\n", err: "" };
  assert.deepEqual(await run(["--from-file=-"], MOTD, root), done);
  assert.equal(await readFile(join(root, "etc/motd"), "utf8"), "at 127.0.1.2");
  const unchanged = { status: 0, out: "write /etc/motd (0644): unchanged\n", err: "" };
  assert.deepEqual(await run(["-from-file", "-", "-root", root], MOTD, "/nowhere"), unchanged);
  assert.deepEqual(await run(["--from-file=-"], gzipSync(MOTD), root), unchanged);
});

test("coreos-cloudinit waits for no file that a person names at a terminal", async (t) => {
  const root = await makeRoot(t);
  const { status, err } = await run(["--from-file=/etc/user-dta"], "", root, true);
  assert.equal(status, 1);
  assert.match(err, /user-dta/);
});

test("coreos-cloudinit --dry-run shows the plan and changes nothing", async (t) => {
  const root = await makeRoot(t);
  const { status, out } = await run(["--from-file=-", "--dry-run"], MOTD, root);
  assert.equal(status, 0);
  assert.equal(
    out,
    `write /etc/motd (0644)
    at 127.0.1.2
write /run/systemd/system/fleet.service.d/20-cloudinit.conf (0644)
    [Service]
    Environment="FLEET_METADATA=role=worker"
reload systemd's unit files
`,
  );
  await assert.rejects(readFile(join(root, "etc/motd")), { code: "ENOENT" });
  const json = await run(["--from-file=-", "--dry-run", "--json"], MOTD, root);
  const plan = JSON.parse(json.out) as { readonly actions: readonly unknown[] };
  assert.deepEqual(plan.actions[0], {
    kind: "write",
    path: "/etc/motd",
    content: "at 127.0.1.2",
    permissions: "0644",
  });
});

test("coreos-cloudinit refuses a malformed cloud-config with status 1 and all its problems", async (t) => {
  const root = await makeRoot(t);
  const report = `line 2: error: incorrect type for "hostname" (want string)
    hostname: expected text, not a list
line 4: warning: unrecognized key "unit"
    coreos.unit: did you mean "units"?
line 5: error: incorrect type for "units" (want []struct)
    coreos.units: expected a list (items begin with "- "), not a group of keys
`;
  const refusal = `coreos-cloudinit: Cannot use cloud-config -: 2 problems, nothing was changed; mend and try again:
${report.replaceAll(/^(?=.)/gm, "  ")}`;
  for (const { args, err } of [
    { args: [], err: refusal },
    { args: ["--dry-run"], err: refusal },
    { args: ["--validate"], err: report },
  ])
    assert.deepEqual(await run(["--from-file=-", ...args], BAD, root), { status: 1, out: "", err });
  assert.equal((await run(["--from-file=-", "--ignore-failure"], BAD, root)).status, 0);
});

test("coreos-cloudinit --validate needs to know nothing of the machine", async (t) => {
  const root = await makeRoot(t);
  await rm(join(root, "etc"), { recursive: true });
  const { status, out, err } = await run(["--from-file=-", "--validate"], MOTD, root);
  assert.deepEqual(
    { status, out, err },
    { status: 0, out: "- is a valid cloud-config\n", err: "" },
  );
  assert.equal((await run(["--from-file=-"], MOTD, root)).status, 1);
});

test("coreos-cloudinit tells which keys have no effect", async (t) => {
  const root = await makeRoot(t);
  const data = "#cloud-config\nssh_authorized_keys: [k]\nusers:\n  - {name: a, sudo: x}\n";
  const { status, err } = await run(["--from-file=-", "--dry-run"], data, root);
  assert.equal(status, 0);
  assert.match(
    err,
    /^-: line 4: warning: unrecognized key "sudo"\n.*it has no effect, as in the original\n/,
  );
});

for (const { name, data, status, says } of [
  { name: "text without the header", data: "hostname: a\n", status: 1, says: /first line/ },
  { name: "text that is no UTF-8", data: Buffer.from([0xff]), status: 1, says: /UTF-8/ },
  { name: "broken gzip", data: Buffer.from([0x1f, 0x8b, 0]), status: 1, says: /Cannot read/ },
  {
    name: "an Ignition config",
    data: '{"ignition":{"version":"2.0.0"}}',
    status: 0,
    says: /Ignition/,
  },
])
  test(`coreos-cloudinit says what is the matter with ${name}`, async (t) => {
    const result = await run(["--from-file=-"], data, await makeRoot(t));
    assert.equal(result.status, status);
    assert.match(result.err, says);
  });

test("coreos-cloudinit changes nothing when units need a systemd that is not there", async (t) => {
  const root = await makeRoot(t);
  const data = `${MOTD}coreos: {units: [{name: a.service, command: start}]}\n`;
  await assert.rejects(run(["--from-file=-"], data, root), { code: "SYSTEMD_MISSING" });
  await assert.rejects(readFile(join(root, "etc/motd")), { code: "ENOENT" });
});

test("coreos-cloudinit takes no wrong use", async (t) => {
  const root = await makeRoot(t);
  for (const args of [[], ["--from-url"], ["--from-file"], ["--unknown"], ["file"]])
    await assert.rejects(run(args, "", root), { code: "USAGE" });
  assert.equal((await run(["--from-file=/nowhere", "--wait=0"], "", root)).status, 1);
  assert.match((await run(["-version"], "", root)).out, /^coreos-cloudinit \d/);
});

test("coreos-cloudinit makes no new tree where a mistyped root is", async (t) => {
  const root = join(await makeRoot(t), "mistyped");
  const { status, out, err } = await run(["--from-file=-", `--root=${root}`], MOTD, "/nowhere");
  assert.deepEqual([status, out], [1, ""]);
  assert.match(err, /Cannot configure the machine in \S+mistyped: it is no directory.*--root/);
  await assert.rejects(stat(root), { code: "ENOENT" });
});

/** Prints what Node loads from then on, one URL on a line. */
const TELL_LOADS = `import { registerHooks } from "node:module";
registerHooks({ load: (url, context, next) => (process._rawDebug(url), next(url, context)) });`;

for (const { arg, loads } of [
  { arg: "--version", loads: false },
  { arg: "--help", loads: false },
  { arg: "--facts", loads: true },
])
  test(`coreos-cloudinit ${arg} ${loads ? "loads" : "is not kept waiting by"} what reads a cloud-config`, async () => {
    const main = join(import.meta.dirname, "main.ts");
    const hooks = `data:text/javascript,${encodeURIComponent(TELL_LOADS)}`;
    const args = ["--import", hooks, main, arg];
    const env = { ...process.env, KEELSON_CALLED_AS: "coreos-cloudinit" };
    const { stderr } = await promisify(execFile)(process.execPath, args, { env });
    assert.match(stderr, /coreos-cloudinit\.ts$/m);
    assert.equal(/\/node_modules\/yaml\//.test(stderr), loads);
  });
