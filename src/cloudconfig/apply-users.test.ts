import assert from "node:assert/strict";
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { applyPlan } from "./apply.ts";
import type { Action } from "./core/action.ts";
import { planUsers } from "./core/plan-users.ts";
import type { KeyServers } from "./import-keys.ts";
import type { Step } from "./outcome.ts";

const signal = new AbortController().signal;
const skip = process.getuid?.() === 0 ? false : "needs root";
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPk9WPDx3bGVeFVbIYD6r0gnBcFwYuTnv5AkN7aOL8f me";

/** The tree of an image: nobody but root may pass its top, and it has no programs. */
async function makeImage(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(root, { recursive: true }));
  await mkdir(join(root, "etc"));
  await mkdir(join(root, "srv"));
  await writeFile(
    join(root, "etc/passwd"),
    "root:x:0:0::/root:/bin/sh\nold:x:7777:7777::/srv/old:/bin/sh\n",
  );
  await writeFile(join(root, "etc/group"), "root:x:0:\nold:x:7777:\nwheel:x:10:\n");
  await writeFile(join(root, "etc/shadow"), "root:*:1::::::\nold:!:1::::::\n", { mode: 0o600 });
  return root;
}

function results(steps: readonly Step[]): string[] {
  return steps.map(({ result }) => result);
}

test("applyPlan() makes users, passwords and keys in an image's tree, and then finds nothing to do", {
  skip,
}, async (t) => {
  const root = await makeImage(t);
  const actions = planUsers({
    users: [
      {
        name: "elroy",
        gecos: "Elroy",
        groups: ["wheel"],
        shell: "/bin/sh",
        passwd: "$6$a$b",
        ssh_authorized_keys: [KEY],
      },
      { name: "old", passwd: "$6$c$d", homedir: "/not/looked/at" },
    ],
  });
  assert.deepEqual(results(await applyPlan(actions, { root, signal })), [
    "done",
    "done",
    "done",
    "unchanged",
    "done",
  ]);
  const read = (path: string) => readFile(join(root, path), "utf8");
  assert.match(await read("etc/passwd"), /^elroy:x:(\d+):\1:Elroy:\/home\/elroy:\/bin\/sh$/m);
  assert.match(await read("etc/passwd"), /^old:x:7777:7777::\/srv\/old:\/bin\/sh$/m);
  assert.match(await read("etc/group"), /^wheel:x:10:elroy$/m);
  assert.match(await read("etc/shadow"), /^elroy:\$6\$a\$b:/m);
  assert.match(await read("etc/shadow"), /^old:\$6\$c\$d:/m);
  const uid = Number(/^elroy:x:(\d+)/m.exec(await read("etc/passwd"))?.[1]);
  for (const [path, mode] of [
    ["", 0o700],
    ["authorized_keys", 0o600],
    ["authorized_keys.d", 0o700],
    ["authorized_keys.d/coreos-cloudinit", 0o600],
  ] as const) {
    const status = await lstat(join(root, "home/elroy/.ssh", path));
    assert.deepEqual([status.uid, status.gid, status.mode & 0o7777], [uid, uid, mode], path);
  }
  assert.equal((await read("home/elroy/.ssh/authorized_keys")).split("\n")[1], KEY);
  assert.deepEqual(results(await applyPlan(actions, { root, signal })), Array(5).fill("unchanged"));
});

test("applyPlan() mends the mode and the content of keys", { skip }, async (t) => {
  const root = await makeImage(t);
  await mkdir(join(root, "srv/old"));
  const actions: Action[] = [
    { kind: "authorize-keys", user: "old", name: "mine", keys: [KEY, "no key"] },
  ];
  const [first] = await applyPlan(actions, { root, signal });
  assert.match(first?.note ?? "", /1 of 2 are no keys that sshd takes, such as "no key"/);
  const file = join(root, "srv/old/.ssh/authorized_keys");
  for (const spoil of [() => chmod(file, 0o644), () => writeFile(file, "x"), () => rm(file)]) {
    await spoil();
    assert.deepEqual(results(await applyPlan(actions, { root, signal })), ["done"]);
    assert.deepEqual(results(await applyPlan(actions, { root, signal })), ["unchanged"]);
  }
  // What a crash left of a write is no part; one of another name is.
  await writeFile(join(root, "srv/old/.ssh/authorized_keys.d/mine.0123456789ab.new"), "torn\n");
  await writeFile(join(root, "srv/old/.ssh/authorized_keys.d/by-hand"), "hand\n");
  assert.deepEqual(results(await applyPlan(actions, { root, signal })), ["done"]);
  const lines = (await readFile(file, "utf8")).split("\n").slice(1, -1);
  assert.deepEqual(lines, ["hand", KEY, "no key"]);
});

test("applyPlan() loses no keys to a run at the same time", { skip }, async (t) => {
  const root = await makeImage(t);
  const ssh = join(root, "srv/old/.ssh");
  await mkdir(ssh, { recursive: true });
  await chown(ssh, 7777, 7777);
  for (let round = 0; round < 60; round++) {
    await rm(join(ssh, "authorized_keys.d"), { recursive: true, force: true });
    await writeFile(join(ssh, "authorized_keys"), "before\n");
    await chown(join(ssh, "authorized_keys"), 7777, 7777);
    const names = Array.from({ length: 8 }, (_, i) => `part-${i}`);
    // A little apart, so that one reads the parts before another has written its own, and writes after it.
    const runs = names.map(async (name, i) => {
      await setTimeout(i);
      const action = { kind: "authorize-keys", user: "old", name, keys: [name] } as const;
      return applyPlan([action], { root, signal });
    });
    await Promise.all(runs);
    const lines = (await readFile(join(ssh, "authorized_keys"), "utf8")).split("\n").slice(1, -1);
    assert.deepEqual(lines, ["before", ...names]);
  }
});

for (const { name, action, code, says } of [
  {
    name: "keys of a user that is not there",
    action: { kind: "authorize-keys", user: "no", name: "x", keys: [KEY] },
    code: "MACHINE_REFUSED",
    says: /no such user/,
  },
  {
    name: "keys of a user without a home",
    action: { kind: "authorize-keys", user: "old", name: "x", keys: [KEY] },
    code: "MACHINE_REFUSED",
    says: /home directory \/srv\/old is not there/,
  },
  {
    name: "keys by a name that leads away",
    action: { kind: "authorize-keys", user: "old", name: "../x", keys: [KEY] },
    code: "CLOUD_CONFIG_INVALID",
    says: /names a file/,
  },
  {
    name: "a password with another line in it",
    action: { kind: "set-password", user: "old", hash: "a\nroot:b" },
    code: "CLOUD_CONFIG_INVALID",
    says: /one line without colons/,
  },
  {
    name: "a password of a user that is not there",
    action: { kind: "set-password", user: "no", hash: "$6$a$b" },
    code: "MACHINE_REFUSED",
    says: /chpasswd/,
  },
  {
    name: "a user of a name that is none",
    action: { kind: "create-user", user: "--badnames" },
    code: "MACHINE_REFUSED",
    says: /useradd: invalid user name/,
  },
  {
    name: "a user in a group that is not there",
    action: { kind: "create-user", user: "x", groups: ["no"] },
    code: "MACHINE_REFUSED",
    says: /group 'no' does not exist/,
  },
] satisfies { name: string; action: Action; code: string; says: RegExp }[])
  test(`applyPlan() refuses ${name}`, { skip }, async (t) => {
    const root = await makeImage(t);
    const before = await readFile(join(root, "etc/shadow"), "utf8");
    await assert.rejects(applyPlan([action], { root, signal }), { code, message: says });
    assert.equal(await readFile(join(root, "etc/shadow"), "utf8"), before);
  });

test("applyPlan() skips users where the root has none of its own", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(root, { recursive: true }));
  const actions = planUsers({ users: [{ name: "root", passwd: "x" }], ssh_authorized_keys: [KEY] });
  const steps = await applyPlan(actions, { root, signal });
  assert.deepEqual(results(steps), ["skipped", "skipped", "skipped"]);
  assert.match(steps[0]?.note ?? "", /no users of its own/);
});

test("applyPlan() does not write through a home's link out of the root", { skip }, async (t) => {
  const root = await makeImage(t);
  const outside = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(outside, { recursive: true }));
  await symlink(outside, join(root, "srv/old"));
  const actions: Action[] = [{ kind: "authorize-keys", user: "old", name: "x", keys: [KEY] }];
  await assert.rejects(applyPlan(actions, { root, signal }), { code: "FILE_UNWRITABLE" });
  await assert.rejects(lstat(join(outside, ".ssh")), { code: "ENOENT" });
});

test("applyPlan() imports keys, and fails with a server that has none", { skip }, async (t) => {
  const root = await makeImage(t);
  await mkdir(join(root, "srv/old"));
  const action: Action = {
    kind: "import-keys",
    user: "old",
    name: "github-x",
    url: "http://keys.example/x",
  };
  const servers = (answer: string | number): KeyServers => ({
    async getRetry(url) {
      assert.equal(url, action.url);
      if (typeof answer === "number") return { found: false, status: answer };
      return { found: true, body: new TextEncoder().encode(answer) };
    },
  });
  const apply = (answer: string | number) =>
    applyPlan([action], { root, signal, servers: servers(answer) });
  assert.deepEqual(results(await apply(JSON.stringify([{ key: KEY }]))), ["done"]);
  assert.deepEqual(results(await apply(JSON.stringify([{ key: KEY }]))), ["unchanged"]);
  const part = join(root, "srv/old/.ssh/authorized_keys.d/github-x");
  assert.equal(await readFile(part, "utf8"), `${KEY}\n`);
  for (const [answer, says] of [
    [404, /the server answers 404/],
    ["<html>", /no JSON list/],
    ["[]", /there are none/],
  ] as const)
    await assert.rejects(apply(answer), { code: "SOURCE_FAILED", message: says });
  assert.equal(await readFile(part, "utf8"), `${KEY}\n`);
});
