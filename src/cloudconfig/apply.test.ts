import assert from "node:assert/strict";
import {
  chmod,
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
import { Fault } from "#base/fault.ts";
import type { JobResult, Systemd, UnitStatus } from "#systemd/systemd.ts";
import { applyPlan } from "./apply.ts";
import type { Action, WriteAction } from "./core/action.ts";
import type { Step } from "./outcome.ts";

const signal = new AbortController().signal;

async function makeRoot(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(root, { recursive: true }));
  return root;
}

function write(path: string, content: string, permissions = "0644"): WriteAction {
  return { kind: "write", path, content, permissions };
}
function command(unit: string, what: "start" | "reload-or-restart" | "try-restart"): Action {
  return { kind: "command", unit, command: what };
}
function results(steps: readonly Step[]): string[] {
  return steps.map((step) => step.result);
}

/** Keeps what it is asked for in `calls`; units are active once started, and `bad.service` fails. */
class RecordingSystemd {
  readonly calls: string[] = [];
  readonly #active = new Set<string>();
  readonly #enabled = new Set<string>();

  open(): Systemd {
    const job = (name: string, unit: string): Promise<JobResult> => {
      this.calls.push(`${name} ${unit}`);
      if (unit === "missing.service")
        return Promise.reject(new Fault("SYSTEMD_FAILED", `Cannot ${name} ${unit}: not found`));
      if (unit === "gone.service")
        return Promise.reject(new Fault("SYSTEMD_GONE", "Cannot start: the connection is lost"));
      if (name === "reload" && unit !== "reloads.service")
        return Promise.reject(new Fault("SYSTEMD_FAILED", `Cannot reload ${unit}`));
      if (unit === "bad.service") return Promise.resolve("failed");
      if (name === "stop") this.#active.delete(unit);
      else this.#active.add(unit);
      return Promise.resolve("done");
    };
    const record = (call: string): Promise<void> => {
      this.calls.push(call);
      return Promise.resolve();
    };
    const unused = () => {
      throw new Error("not used by cloud-configs");
    };
    const status = (name: string): UnitStatus => ({
      name,
      description: "",
      loadState: name === "absent.service" ? "not-found" : "loaded",
      activeState: this.#active.has(name) ? "active" : "inactive",
      subState: "",
    });
    return {
      reload: () => record("daemon-reload"),
      enableUnitFiles: async ([name = ""], { runtime }) => {
        await record(`enable ${name} ${runtime}`);
        const changed = !this.#enabled.has(name);
        this.#enabled.add(name);
        const hasInstall = name !== "plain.service";
        return { hasInstall, changed: changed && hasInstall };
      },
      startTransientUnit: (unit, { argv }) => job(`run ${argv.join(" ")} as`, unit),
      startUnit: (unit) => job("start", unit),
      stopUnit: (unit) => job("stop", unit),
      restartUnit: (unit) => job("restart", unit),
      reloadUnit: (unit) => job("reload", unit),
      outcome: unused,
      status: (names) => Promise.resolve(names.map(status)),
      isCurrent: unused,
      linkUnitFiles: unused,
      unlinkUnitFiles: unused,
      extendLease: unused,
      resetFailed: unused,
      list: unused,
      changes: unused,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
}

test("applyPlan() writes files with their mode, then finds nothing to change", async (t) => {
  const root = await makeRoot(t);
  const actions = [
    { kind: "set-hostname", hostname: "core-01" },
    write("/etc/deep/motd", "hello\n", "0640"),
    { ...write("/bin/tool", "/wA=", "4755"), encoding: "base64" },
    { kind: "mask", path: "/etc/systemd/system/a.service" },
    { kind: "unmask", path: "/run/systemd/system/b.service" },
  ] as const satisfies readonly Action[];
  const first = await applyPlan(actions, { root, signal });
  assert.deepEqual(results(first), ["done", "done", "done", "done", "unchanged"]);
  assert.equal(await readFile(join(root, "etc/hostname"), "utf8"), "core-01\n");
  assert.equal(await readFile(join(root, "etc/deep/motd"), "utf8"), "hello\n");
  assert.equal((await lstat(join(root, "etc/deep/motd"))).mode & 0o7777, 0o640);
  assert.deepEqual([...(await readFile(join(root, "bin/tool")))], [255, 0]);
  assert.equal((await lstat(join(root, "bin/tool"))).mode & 0o7777, 0o4755);
  assert.equal(await readlink(join(root, "etc/systemd/system/a.service")), "/dev/null");
  const again = await applyPlan(actions, { root, signal });
  assert.deepEqual(results(again), Array(5).fill("unchanged"));
});

test("applyPlan() puts right a changed mode, content or kind of file", async (t) => {
  const root = await makeRoot(t);
  const actions = [write("/a", "x"), write("/b", "x"), write("/c", "x")];
  await applyPlan(actions, { root, signal });
  await chmod(join(root, "a"), 0o600);
  await writeFile(join(root, "b"), "y");
  await rm(join(root, "c"));
  await symlink("a", join(root, "c"));
  assert.deepEqual(results(await applyPlan(actions, { root, signal })), ["done", "done", "done"]);
  assert.deepEqual(results(await applyPlan(actions, { root, signal })), Array(3).fill("unchanged"));
  assert.ok((await lstat(join(root, "c"))).isFile());
});

test("applyPlan() unmasks links to /dev/null and empty files, and keeps units", async (t) => {
  const root = await makeRoot(t);
  await symlink("/dev/null", join(root, "masked"));
  await writeFile(join(root, "empty"), "");
  await writeFile(join(root, "unit"), "[Unit]\n");
  const actions = ["masked", "empty", "unit"].map(
    (name) => ({ kind: "unmask", path: `/${name}` }) as const,
  );
  assert.deepEqual(results(await applyPlan(actions, { root, signal })), [
    "done",
    "done",
    "unchanged",
  ]);
  await assert.rejects(lstat(join(root, "masked")), { code: "ENOENT" });
  await assert.rejects(lstat(join(root, "empty")), { code: "ENOENT" });
});

test("applyPlan() gives files the owner that the root's own passwd and group name", async (t) => {
  const root = await makeRoot(t);
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  await mkdir(join(root, "etc"));
  await writeFile(
    join(root, "etc/passwd"),
    `me:x:${uid}:${gid}::/:/bin/sh\nthem:x:4242:4343::/:/bin/sh\n`,
  );
  await writeFile(join(root, "etc/group"), `us:x:${gid}:\n`);
  const own = { ...write("/a", "x"), owner: "me:us" };
  const theirs = { ...write("/b", "x"), owner: "them:" };
  const [first, second] = await applyPlan([own, theirs], { root, signal });
  assert.equal(first?.note, undefined);
  const status = await lstat(join(root, "b"));
  if (uid === 0) assert.deepEqual([status.uid, status.gid], [4242, 4343]);
  else assert.match(second?.note ?? "", /owner them: not set: only root/);
  await assert.rejects(
    applyPlan([{ ...write("/c", ""), owner: "nobody-such" }], { root, signal }),
    {
      code: "CLOUD_CONFIG_INVALID",
      message: /user "nobody-such"/,
    },
  );
});

test("applyPlan() stops at a file it can not write, saying what was done", async (t) => {
  const root = await makeRoot(t);
  await writeFile(join(root, "file"), "");
  const systemd = new RecordingSystemd();
  const told: string[] = [];
  const applying = applyPlan(
    [write("/a", "x"), write("/file/b", "x"), command("a.service", "start")],
    { root, systemd: systemd.open(), onStep: (step) => told.push(step.result), signal },
  );
  await assert.rejects(applying, {
    code: "FILE_UNWRITABLE",
    message: /could not write \/file\/b .*1 of 3 steps were done before it/s,
  });
  assert.deepEqual(told, ["done", "failed"]);
  assert.deepEqual(systemd.calls, []);
  await rm(join(root, "file"));
  assert.deepEqual(
    results(await applyPlan([write("/a", "x"), write("/file/b", "x")], { root, signal })),
    ["unchanged", "done"],
  );
});

test("applyPlan() refuses paths that leave the root by links", async (t) => {
  const root = await makeRoot(t);
  const outside = await makeRoot(t);
  await symlink(outside, join(root, "etc"));
  for (const action of [
    write("/etc/a", "x"),
    { kind: "mask", path: "/etc/a" },
    { kind: "unmask", path: "/etc/a" },
  ] as const)
    await assert.rejects(applyPlan([action], { root, signal }), { code: "FILE_UNWRITABLE" });
  await assert.rejects(lstat(join(outside, "a")), { code: "ENOENT" });
});

test("applyPlan() has systemd enable, reload and run commands in order, each once", async (t) => {
  const root = await makeRoot(t);
  const systemd = new RecordingSystemd();
  const actions: Action[] = [
    { kind: "enable", unit: "a.service", runtime: true },
    { kind: "reload-units" },
    command("a.service", "start"),
    command("a.service", "start"),
    command("a.service", "reload-or-restart"),
    command("reloads.service", "try-restart"),
    command("reloads.service", "reload-or-restart"),
    command("reloads.service", "reload-or-restart"),
  ];
  const steps = await applyPlan(actions, { root, systemd: systemd.open(), signal });
  assert.deepEqual(systemd.calls, [
    "enable a.service true",
    "daemon-reload",
    "start a.service",
    "reload a.service",
    "restart a.service",
    "start reloads.service",
    "reload reloads.service",
  ]);
  assert.deepEqual(results(steps), [
    "done",
    "done",
    "done",
    "unchanged",
    "done",
    "unchanged",
    "done",
    "done",
  ]);
});

test("applyPlan() runs the commands behind one that fails, and tells of it at the end", async (t) => {
  const root = await makeRoot(t);
  const systemd = new RecordingSystemd();
  const actions = ["bad.service", "missing.service", "a.service"].map((u) => command(u, "start"));
  await assert.rejects(applyPlan(actions, { root, systemd: systemd.open(), signal }), {
    code: "SYSTEMD_FAILED",
    message: /start bad.service: its job ended with "failed".*start missing.service: .*not found/s,
  });
  assert.deepEqual(systemd.calls, [
    "start bad.service",
    "start missing.service",
    "start a.service",
  ]);
});

test("applyPlan() names the journal of the manager that ran the unit", async (t) => {
  const failing = [command("bad.service", "start")];
  for (const [root, hint] of [
    ["/", /`journalctl -u bad\.service` says why/],
    [await makeRoot(t), /`journalctl --user-unit bad\.service` says why/],
  ] as const) {
    const systemd = new RecordingSystemd().open();
    await assert.rejects(applyPlan(failing, { root, systemd, signal }), { message: hint });
  }
});

test("applyPlan() skips a command that only follows from another key where the unit is missing", async (t) => {
  const root = await makeRoot(t);
  const action: Action = {
    kind: "command",
    unit: "absent.service",
    command: "restart",
    ifPresent: true,
  };
  const systemd = new RecordingSystemd();
  const [step] = await applyPlan([action], { root, systemd: systemd.open(), signal });
  assert.equal(step?.result, "skipped");
  assert.deepEqual(systemd.calls, []);
});

test("applyPlan() stops when systemd goes away, and when told to", async (t) => {
  const root = await makeRoot(t);
  const systemd = new RecordingSystemd();
  const actions = ["gone.service", "a.service"].map((u) => command(u, "start"));
  await assert.rejects(applyPlan(actions, { root, systemd: systemd.open(), signal }), {
    code: "SYSTEMD_GONE",
  });
  assert.deepEqual(systemd.calls, ["start gone.service"]);
  const reason = new Error("told to");
  await assert.rejects(
    applyPlan([write("/a", "")], { root, signal: AbortSignal.abort(reason) }),
    reason,
  );
  await assert.rejects(lstat(join(root, "a")), { code: "ENOENT" });
});

test("applyPlan() says what it skips without systemd", async (t) => {
  const root = await makeRoot(t);
  const [step] = await applyPlan([command("a.service", "start")], { root, signal });
  assert.deepEqual([step?.result, step?.note], ["skipped", "no systemd runs in this root"]);
});
