import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { parseFlags, sourceChoiceOf } from "#cli/coreos-cloudinit-flags.ts";
import { privateSystemdMissing } from "#test/support/private-systemd.ts";

const SHARE = join(import.meta.dirname, "../../share");
const UNITS = (await readdir(join(SHARE, "systemd"))).toSorted();
const DISTRIBUTION = "/usr/lib/systemd/system";

/** A root directory with our units, those of systemd that they stand on, and a program. */
async function makeTree(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "keelson-"));
  t.after(() => rm(root, { recursive: true }));
  const units = join(root, DISTRIBUTION);
  await cp(join(SHARE, "systemd"), units, { recursive: true });
  for (const name of [
    "basic",
    "sysinit",
    "multi-user",
    "local-fs",
    "local-fs-pre",
    "umount",
    "paths",
    "shutdown",
  ])
    await copyFile(join(DISTRIBUTION, `${name}.target`), join(units, `${name}.target`));
  await mkdir(join(root, "usr/bin"));
  for (const program of ["coreos-cloudinit", "keelson"]) {
    await writeFile(join(root, "usr/bin", program), "#!/bin/sh\n");
    await chmod(join(root, "usr/bin", program), 0o755);
  }
  return root;
}

async function analyze(root: string, units: readonly string[]): Promise<string> {
  const args = ["verify", "--man=no", `--root=${root}`, ...units];
  const { stdout, stderr } = await promisify(execFile)("systemd-analyze", args).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return stdout + stderr;
}

test("systemd takes every unit that is shipped", { skip: privateSystemdMissing() }, async (t) => {
  const root = await makeTree(t);
  const instances = UNITS.map((unit) => unit.replace("@.", "@usr-share-oem-x."));
  assert.equal(await analyze(root, instances), "");
  // It would have told.
  const broken = join(root, DISTRIBUTION, "user-configdrive.service");
  await writeFile(broken, (await readFile(broken, "utf8")).replace("/usr/bin/", "/nowhere/"));
  assert.match(await analyze(root, ["user-configdrive.service"]), /nowhere.* is not executable/);
});

test("the units' command lines name a source each", async () => {
  const lines = await Promise.all(
    UNITS.map(async (unit) => {
      const text = await readFile(join(SHARE, "systemd", unit), "utf8");
      return /^ExecStart=\/usr\/bin\/coreos-cloudinit (.*)$/m.exec(text)?.[1] ?? [];
    }),
  );
  const sources = lines.flat().map((line) => {
    const choice = sourceChoiceOf(parseFlags(line.replace("%i", "gce").split(" ")));
    return Object.entries(choice).filter(([, value]) => value !== "" && value !== false);
  });
  assert.deepEqual(sources, [
    [["gceMetadata", "http://metadata.google.internal/"]],
    [["file", "%f"]],
    [["procCmdline", true]],
    [["file", "%f"]],
    [["vmwareOvfEnv", "/media/ovfenv/ovf-env.xml"]],
    [["configDrive", "/media/configdrive"]],
    [["configDrive", "/media/configvirtfs"]],
  ]);
});

test("what the units and udev's rules refer to is shipped", async () => {
  const mine = new Set(UNITS);
  // Of an image, and of systemd.
  for (const other of [
    "coreos-setup-environment.service",
    "dbus.service",
    "etcd2.service",
    "multi-user.target",
    "network-online.target",
    "oem-cloudinit.service",
    "sockets.target",
    "user-config-vmw-tools.service",
  ])
    mine.add(other);
  for (const directory of ["systemd", "udev"])
    for (const file of await readdir(join(SHARE, directory))) {
      const text = await readFile(join(SHARE, directory, file), "utf8");
      const plain = text.replaceAll(/^#.*$/gm, "");
      for (const [unit] of plain.matchAll(/[\w@\\.-]+\.(?:service|target|path|mount)\b/g))
        assert.ok(mine.has(unit.replace(/@.*\./, "@.")), `${file} names ${unit}`);
    }
});
