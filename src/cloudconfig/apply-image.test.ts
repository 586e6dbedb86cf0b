import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import {
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { applyPlan } from "./apply.ts";
import type { Action } from "./core/action.ts";
import { planCloudConfig } from "./core/plan.ts";
import { planScript } from "./core/plan-script.ts";
import type { Step } from "./outcome.ts";
import { openSystemdOf } from "./root-systemd.ts";

const signal = new AbortController().signal;
const skip = existsSync("/bin/systemctl") ? false : "needs systemd installed";

async function makeRoot(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(root, { recursive: true }));
  return root;
}

function told(steps: readonly Step[]): string[] {
  return steps.map(({ action, result }) => `${action.kind} ${result}`);
}

const UNIT = "[Service]\nExecStart=/bin/true\n";
const INSTALL = "[Install]\nWantedBy=multi-user.target\nAlias=other.service\n";

test("applyPlan() enables units in an image's tree, and says what it can not do there", {
  skip,
}, async (t) => {
  const root = await makeRoot(t);
  const { actions } = planCloudConfig(
    {
      coreos: {
        units: [
          { name: "a.service", content: UNIT + INSTALL, enable: true, command: "start" },
          { name: "b@1.service", enable: true },
          { name: "b@.service", content: UNIT + INSTALL.replace("other", "other@") },
          { name: "plain.service", content: UNIT, enable: true, runtime: true },
        ],
      },
    },
    { metadata: {} },
  );
  const expected = ["write", "write", "write", "enable", "enable"];
  const rest = ["enable unchanged", "reload-units skipped", "command skipped"];
  const first = await applyPlan(actions, { root, signal });
  assert.deepEqual(told(first), [...expected.map((kind) => `${kind} done`), ...rest]);
  assert.match(first[5]?.note ?? "", /no \[Install\] section/);
  assert.match(first[7]?.note ?? "", /no systemd runs in this root/);
  const link = (path: string) => readlink(join(root, "etc/systemd/system", path));
  assert.equal(await link("multi-user.target.wants/a.service"), "/etc/systemd/system/a.service");
  assert.equal(await link("other.service"), "/etc/systemd/system/a.service");
  assert.equal(await link("multi-user.target.wants/b@1.service"), "/etc/systemd/system/b@.service");
  const again = await applyPlan(actions, { root, signal });
  assert.deepEqual(told(again), [...expected.map((kind) => `${kind} unchanged`), ...rest]);

  const missing: Action = { kind: "enable", unit: "no.service", runtime: false };
  await assert.rejects(applyPlan([missing], { root, signal }), {
    code: "MACHINE_REFUSED",
    message: /enable no\.service: .*no\.service does not exist/,
  });
});

test("applyPlan() leaves this computer's kernel and a script alone for another root", async (t) => {
  const root = await makeRoot(t);
  const actions: Action[] = [
    { kind: "take-down", interface: "lo" },
    { kind: "load-module", module: "bonding", options: [] },
    planScript("#!/bin/sh\n"),
  ];
  const steps = await applyPlan(actions, { root, signal });
  assert.deepEqual(told(steps), ["take-down skipped", "load-module skipped", "run-script skipped"]);
  await assert.rejects(lstat(join(root, "var")), { code: "ENOENT" });
});

test("applyPlan() keeps setuid of a file that is given to another", {
  skip: process.getuid?.() !== 0,
}, async (t) => {
  const root = await makeRoot(t);
  const action: Action = {
    kind: "write",
    path: "/tool",
    content: "x",
    permissions: "4755",
    owner: "4242:4343",
  };
  assert.deepEqual(told(await applyPlan([action], { root, signal })), ["write done"]);
  const status = await lstat(join(root, "tool"));
  assert.deepEqual([status.uid, status.gid, status.mode & 0o7777], [4242, 4343, 0o4755]);
  assert.deepEqual(told(await applyPlan([action], { root, signal })), ["write unchanged"]);
  assert.equal(await readFile(join(root, "tool"), "utf8"), "x");
});

test("openSystemdOf() takes no systemd outside of the tree, to which a link there leads", async (t) => {
  const [computer, root] = [await makeRoot(t), await makeRoot(t)];
  await mkdir(join(computer, "run/systemd"), { recursive: true });
  await writeFile(join(computer, "run/systemd/private"), "");
  await symlink(join(computer, "run"), join(root, "run"));
  assert.equal(await openSystemdOf(root, {}, signal), undefined);
});

test("openSystemdOf() finds none in an image's tree, and misses that of a machine", async (t) => {
  const root = await makeRoot(t);
  assert.equal(await openSystemdOf(root, {}, signal), undefined);
  assert.equal(
    await openSystemdOf(root, { KEELSON_ROOT: "/other", XDG_RUNTIME_DIR: "/run" }, signal),
    undefined,
  );
  await assert.rejects(openSystemdOf(`${root}/`, { KEELSON_ROOT: root }, signal), {
    code: "SYSTEMD_MISSING",
    message: new RegExp(`${root}/run/systemd/private`),
  });
  await mkdir(join(root, "run/systemd/private"), { recursive: true });
  await assert.rejects(openSystemdOf(root, {}, signal), { code: "SYSTEMD_MISSING" });
});
