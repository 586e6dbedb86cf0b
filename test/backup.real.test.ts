import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type TestContext, test } from "node:test";
import { openKeysClient } from "#keys/client.ts";
import { startRealEtcd } from "#keys/real-etcd.ts";
import { keelson, startServer } from "#test/support/server.ts";

async function temporary(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "keelson-backup-"));
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

async function ask(url: string, method = "GET", form?: Record<string, string>) {
  const body = form ? new URLSearchParams(form) : null;
  const answer = await fetch(url, { method, body });
  const { headers, status } = answer;
  return {
    status,
    index: Number(headers.get("x-etcd-index")),
    cluster: headers.get("x-etcd-cluster-id"),
    text: await answer.text(),
  };
}

/** All that can be seen of a store, but times that run. */
async function dump(url: string): Promise<string> {
  const parts = ["/v2/keys/?recursive=true&sorted=true", "/v2/keys/_hidden?recursive=true"];
  const past = Array.from(
    { length: 8 },
    (_, at) => `/v2/keys/?wait=true&recursive=true&waitIndex=${at + 4}`,
  );
  const texts = await Promise.all(
    [...parts, ...past].map(async (path) => (await ask(`${url}${path}`)).text),
  );
  return texts.join("").replace(/"ttl":\d+/g, '"ttl":N');
}

async function fill(url: string): Promise<void> {
  const keys = `${url}/v2/keys`;
  await ask(`${keys}/a/b`, "PUT", { value: "one ü" });
  await ask(`${keys}/a/b`, "PUT", { value: "two", prevValue: "one ü" });
  await ask(`${keys}/queue`, "POST", { value: "first" });
  await ask(`${keys}/empty`, "PUT", { dir: "true" });
  await ask(`${keys}/ending`, "PUT", { value: "soon", ttl: "500" });
  await ask(`${keys}/dir`, "PUT", { dir: "true", ttl: "600" });
  await ask(`${keys}/dir/inside`, "PUT", { value: "x" });
  await ask(`${keys}/_hidden/secret`, "PUT", { value: "h" });
  await ask(`${keys}/gone`, "PUT", { value: "x" });
  await ask(`${keys}/gone`, "DELETE");
}

test("a backup of a running, a stopped or a killed member restores to the same store in a new cluster", async (t) => {
  const home = await temporary(t);
  await using first = await startServer({ dataDir: join(home, "one") });
  await first.ready();
  await fill(first.url);
  const before = await dump(first.url);
  const { index, cluster } = await ask(`${first.url}/v2/keys/`);

  const asked = await keelson("etcd2", "backup", "--endpoint", first.url, "--to", home);
  assert.equal(asked.stderr, "");
  const [, named = ""] = /^(.*): 5 keys, index/.exec(asked.stdout) ?? [];
  assert.match(named, new RegExp(`^${home}/keelson-20[-0-9]+T[0-9]+\\.[0-9]+Z-${index}\\.backup$`));
  // Nobody wrote since, and there is another one nevertheless.
  const next = await keelson("etcd2", "backup", "--endpoint", first.url, "--to", `${home}/`);
  assert.match(next.stdout, new RegExp(`-${index}\\.backup: 5 keys`), next.stderr);
  const read = ["etcd2", "backup", "--data-dir", first.dataDir, "--to"];
  assert.equal((await keelson(...read, `${home}/running`)).stderr, "");
  await first.stop("SIGKILL");
  assert.equal((await keelson(...read, `${home}/killed`)).stderr, "");

  for (const file of [basename(named), "running", "killed"]) {
    const dataDir = join(home, `restored-${file}`);
    const restored = await keelson("etcd2", "restore", join(home, file), "--data-dir", dataDir);
    assert.match(
      restored.stdout,
      /5 keys, index \d+, taken 20.*it is whole\n.*restored, cluster [0-9a-f]+\n$/,
      restored.stderr,
    );
    assert.match(
      restored.stderr,
      /^its peer URL is http:\/\/localhost:2380, .*--initial-advertise/,
    );
    await using second = await startServer({ dataDir });
    await second.ready();
    assert.equal(await dump(second.url), before);
    const now = await ask(`${second.url}/v2/keys/`);
    assert.equal(now.index, index);
    assert.notEqual(now.cluster, cluster);
    assert.equal((await ask(`${second.url}/v2/keys/new`, "PUT", { value: "1" })).index, index + 1);
  }
});

test("what cannot be backed up or restored is refused, and nothing is changed", async (t) => {
  const home = await temporary(t);
  await using server = await startServer({ dataDir: join(home, "one") });
  await server.ready();
  const file = join(home, "good");
  assert.equal(
    (await keelson("etcd2", "backup", "--endpoint", server.url, "--to", file)).status,
    0,
  );
  const sound = await readFile(file);
  await writeFile(join(home, "short"), sound.subarray(0, -9));
  await using etcd = await startRealEtcd();
  const rows: readonly (readonly [args: string[], status: number, says: RegExp])[] = [
    [["backup", "--endpoint", server.url, "--to", file], 73, /it is there already/],
    [["backup"], 2, /name a file with --to/],
    [["backup", "--to", join(home, "no", "x")], 73, /there is no directory .*\/no; make it first/],
    [["backup", "--to", `${join(home, "no")}/`], 73, /there is no directory .*\/no; make it first/],
    [["backup", "--endpoint", etcd.clientUrl, "--to", join(home, "x")], 75, /HTTP status 404/],
    [["backup", "--data-dir", home, "--to", join(home, "x")], 66, /there is no log\.db/],
    [["restore", file, "--data-dir", server.dataDir], 73, /it is not empty/],
    [["restore", join(home, "short"), "--data-dir", join(home, "y")], 65, /its end is missing/],
    [["restore", join(home, "none")], 66, /Cannot read/],
    [
      [
        "restore",
        file,
        "--data-dir",
        join(home, "y"),
        "--initial-advertise-peer-urls",
        "host:2380",
      ],
      2,
      /Cannot use host:2380 as a peer URL/,
    ],
  ];
  for (const [args, status, says] of rows) {
    const end = await keelson("etcd2", ...args);
    assert.equal(end.status, status, `${args.join(" ")}: ${end.stderr}`);
    assert.match(end.stderr, says);
  }
  assert.deepEqual(await readFile(file), sound);
});

test("a damaged log names the way back, and its last backup restores", async (t) => {
  const home = await temporary(t);
  const dataDir = join(home, "one");
  const file = join(home, "file");
  {
    await using server = await startServer({ dataDir });
    await server.ready();
    await fill(server.url);
    await keelson("etcd2", "backup", "--endpoint", server.url, "--to", file);
    await server.stop("SIGTERM");
  }
  const path = join(dataDir, "log.db");
  const damaged = await readFile(path);
  const at = damaged.indexOf("one ü");
  damaged[at] = 0x58;
  await writeFile(path, damaged);
  await using broken = await startServer({ dataDir });
  const said = await new Promise<string>((resolve) => {
    broken.child.once("close", () => void broken.stop("SIGKILL").then(resolve));
  });
  assert.match(
    said,
    /log\.db: the entry at index \d+ is damaged; nothing was changed: .*"keelson etcd2 restore"/,
  );
  const part = join(home, "part");
  const salvage = ["etcd2", "backup", "--data-dir", dataDir, "--to", part];
  assert.match(
    (await keelson(...salvage)).stderr,
    new RegExp(`Cannot trust the log ${path}: the entry`),
  );
  const taken = await keelson(...salvage, "--damaged");
  assert.match(taken.stderr, /as far as it is whole: the entry at index 2 is damaged/);
  assert.match(taken.stdout, /part: 1 keys/);
  const dataDirNew = join(home, "two");
  assert.equal((await keelson("etcd2", "restore", file, "--data-dir", dataDirNew)).status, 0);
  await using server = await startServer({ dataDir: dataDirNew });
  await server.ready();
  assert.match((await ask(`${server.url}/v2/keys/a/b`)).text, /"two"/);
});

test("a log whose snapshot is damaged says that nothing can be taken, and what next", async (t) => {
  const home = await temporary(t);
  const dataDir = join(home, "one");
  const file = join(home, "file");
  {
    await using server = await startServer({ dataDir });
    await server.ready();
    await fill(server.url);
    await keelson("etcd2", "backup", "--endpoint", server.url, "--to", file);
  }
  const restored = join(home, "two"); // a log that begins with a snapshot
  const peer = ["--initial-advertise-peer-urls", "http://10.0.0.1:2380"];
  const made = await keelson("etcd2", "restore", file, "--data-dir", restored, ...peer);
  assert.deepEqual([made.status, made.stderr], [0, ""]);
  const path = join(restored, "log.db");
  const damaged = await readFile(path);
  damaged[damaged.lastIndexOf('"first"') + 1] = 0x58;
  await writeFile(path, damaged);
  const salvage = ["backup", "--damaged", "--data-dir", restored, "--to", join(home, "part")];
  const end = await keelson("etcd2", ...salvage);
  assert.equal(end.status, 65, end.stdout);
  assert.match(
    end.stderr,
    /Cannot take anything from .*log\.db: its snapshot at index \d+ is damaged, .*restore the last backup/,
  );
  assert.doesNotMatch(end.stderr, /--damaged/);
});

test("a store with authentication refuses backup and import in one line that names the side and the flag", async (t) => {
  const home = await temporary(t);
  await using shut = await startServer({ dataDir: join(home, "shut") });
  await using open = await startServer({ dataDir: join(home, "open") });
  await Promise.all([shut.ready(), open.ready()]);
  const put = async (path: string, value: object, headers = {}) => {
    const answer = await fetch(`${shut.url}/v2/auth/${path}`, {
      method: "PUT",
      body: JSON.stringify(value),
      headers,
    });
    assert.ok(answer.ok, await answer.text());
  };
  await put("users/bob", { user: "bob", password: "b", roles: ["nowhere"] });
  await put("users/root", { user: "root", password: "secret" });
  await put("enable", {});
  const guest = { role: "guest", revoke: { kv: { read: ["/*"], write: ["/*"] } } };
  const asRoot = { authorization: `Basic ${Buffer.from("root:secret").toString("base64")}` };
  await put("roles/guest", guest, asRoot);

  const [into, outOf] = [
    ["import", "--from", open.url, "--to", shut.url],
    ["import", "--from", shut.url, "--to", open.url],
  ];
  const backup = ["backup", "--endpoint", shut.url, "--to", join(home, "x")];
  const rows: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [into, /Cannot use the target .*: .*no user was named; give --to-username NAME:PASSWORD, or/],
    [[...into, "--dry-run"], /Cannot use the target .*: .*no user was named/],
    [[...into, "--to-username", "root:bad"], /the target .*refuses the user root, since the pass/],
    [outOf, /Cannot use the source .*: .*no user was named; give --username NAME:PASSWORD$/],
    [[...outOf, "--username", "root:bad"], /the source .*: it refuses the user root/],
    [backup, /only root may; give --username/],
    [[...backup, "--username", "root:bad"], /the password of root is wrong, or root has not the/],
  ];
  await Promise.all(
    rows.map(async ([args, says]) => {
      const end = await keelson("etcd2", ...args);
      assert.equal(end.status, 77, `${args.join(" ")}: ${end.stderr}`);
      assert.match(end.stderr.trimEnd(), says);
      assert.match(end.stderr, /^[^\n]+\n$/);
    }),
  );
  const done = await keelson("etcd2", ...outOf, "--username", "root:secret");
  assert.match(done.stdout, /user bob: .*no role of this user that exists/, done.stderr);
});

test("an import takes over a real etcd's keys, directories, times to live, hidden parts and roles; again it writes nothing", async (t) => {
  const home = await temporary(t);
  await using etcd = await startRealEtcd();
  await using server = await startServer({ dataDir: join(home, "one") });
  await server.ready();
  await fill(etcd.clientUrl);
  const keys = `${etcd.clientUrl}/v2/keys`;
  await ask(`${keys}/_coreos.com/fleet/unit`, "PUT", { value: "u" });
  for (let at = 0; at < 200; at++) await ask(`${keys}/many/${at}`, "PUT", { value: `${at}` });
  const role = { role: "reader", permissions: { kv: { read: ["/a/*"], write: [] } } };
  const auth = `${etcd.clientUrl}/v2/auth`;
  await fetch(`${auth}/roles/reader`, { method: "PUT", body: JSON.stringify(role) });
  const user = { user: "jane", password: "secret", roles: ["reader"] };
  await fetch(`${auth}/users/jane`, { method: "PUT", body: JSON.stringify(user) });

  const both = ["--from", etcd.clientUrl, "--to", server.url];
  const dry = await keelson("etcd2", "import", ...both, "--dry-run");
  assert.match(dry.stdout, /20\d would be made/, dry.stderr);
  assert.equal((await ask(`${server.url}/v2/keys/`)).text.includes("nodes"), false);

  const done = await keelson("etcd2", "import", ...both, "--also", "/_hidden");
  assert.equal(done.status, 0, done.stdout + done.stderr);
  assert.match(done.stdout, /hidden parts found: \/_coreos.com, \/_hidden \(asked for .*\/_etcd/);
  assert.match(done.stdout, /role reader: made/);
  assert.match(
    done.stdout,
    /user jane: passwords cannot be read; run `etcdctl user add jane`, then/,
  );
  assert.match(done.stdout, /compared: \d+ keys and directories are the same\n$/);
  await using from = openKeysClient({ endpoints: [etcd.clientUrl] });
  await using to = openKeysClient({ endpoints: [server.url] });
  const tree = async (client: typeof from, key: string) => {
    const { event } = await client.get(key, { recursive: true, sorted: true }, t.signal);
    const text = JSON.stringify(event.node, (name, value: unknown) =>
      /Index$|^expiration$/.test(name) ? undefined : value,
    );
    return text.replace(
      /"ttl":(\d+)/g,
      (_, ttl: string) => `"ttl":${Math.round(Number(ttl) / 100)}`,
    );
  };
  for (const key of ["/", "/_hidden", "/_coreos.com"])
    assert.equal(await tree(to, key), await tree(from, key));

  const again = await keelson("etcd2", "import", ...both, "--also", "/_hidden");
  assert.match(again.stdout, /: 0 to be made, 0 changed, 21\d are the same/);
  await ask(`${server.url}/v2/keys/a/b`, "PUT", { value: "newer here" });
  const kept = await keelson("etcd2", "import", ...both, "--keep-existing", "--prefix", "/a");
  assert.match(kept.stdout, /0 to be made, 0 changed, \d are the same, 1 left as they are/);
  assert.equal(kept.status, 0, kept.stdout);
});

test("an import says what stands in the way, and takes the rest", async (t) => {
  const home = await temporary(t);
  await using etcd = await startRealEtcd();
  await using server = await startServer({ dataDir: join(home, "one") });
  await server.ready();
  await ask(`${etcd.clientUrl}/v2/keys/a/b`, "PUT", { value: "1" });
  await ask(`${etcd.clientUrl}/v2/keys/c`, "PUT", { value: "1" });
  await ask(`${server.url}/v2/keys/a`, "PUT", { value: "a key" });
  const end = await keelson("etcd2", "import", "--from", etcd.clientUrl, "--to", server.url);
  assert.equal(end.status, 1);
  assert.match(
    end.stdout,
    /cannot be taken over: \/a is a directory at the source, and not at the target/,
  );
  assert.match((await ask(`${server.url}/v2/keys/c`)).text, /"value":"1"/);
});
