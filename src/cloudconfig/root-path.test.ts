import assert from "node:assert/strict";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { findInRoot, pathInRoot, readInRoot } from "./root-path.ts";

/** A root with links in it: `in` to a directory inside, `out` and `up` to outside, `gone` to nowhere, `loop` to itself. */
async function makeRoot(t: TestContext): Promise<string> {
  const base = await realpath(await mkdtemp(join(tmpdir(), "keelson-")));
  t.after(() => rm(base, { recursive: true }));
  const root = join(base, "root");
  await mkdir(join(root, "etc/real"), { recursive: true });
  await mkdir(join(base, "root-outside"));
  await symlink("etc/real", join(root, "in"));
  await symlink("/", join(root, "out"));
  await symlink("../root-outside", join(root, "up"));
  await symlink("nothing", join(root, "gone"));
  await symlink("loop", join(root, "loop"));
  await symlink("/etc", join(root, "absolute"));
  await symlink(join(root, "etc"), join(root, "whole"));
  await symlink("../../../../in/..", join(root, "twice"));
  return root;
}

test("pathInRoot() follows links as the machine does whose root it is", async (t) => {
  const root = await makeRoot(t);
  for (const [path, is] of [
    ["/etc/a", "etc/a"],
    ["/etc/new/dir/a", "etc/new/dir/a"],
    ["/in/a", "etc/real/a"],
    ["/in/x/a", "etc/real/x/a"],
    ["/out/etc/a", "etc/a"],
    ["/absolute/a", "etc/a"],
    ["/absolute/new/a", "etc/new/a"],
    ["/whole/a", "etc/a"],
    ["/twice/a", "etc/a"],
    ["/up", "up"], // the link itself is what gets replaced
  ] as const)
    assert.equal(await pathInRoot(root, path), join(root, is));
});

for (const path of ["/up/a", "/in/../../a", "/gone/a", "/loop/a", "/..", "/", "/etc/.."])
  test(`pathInRoot() refuses ${path}`, async (t) => {
    await assert.rejects(pathInRoot(await makeRoot(t), path), { code: "FILE_UNWRITABLE" });
  });

test("pathInRoot() never leaves the root", async (t) => {
  const root = await makeRoot(t);
  const part = fc.constantFrom("..", ".", "", "etc", "in", "out", "up", "gone", "twice", "x");
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => {
      const path = await pathInRoot(root, parts.join("/")).catch(() => undefined);
      if (path !== undefined) assert.ok(path.startsWith(`${root}/`), path);
    }),
    { numRuns: 500 },
  );
});

/** Each file, in the root and outside of it, says where it is. */
async function makeFiles(t: TestContext): Promise<string> {
  const root = await makeRoot(t);
  await writeFile(join(root, "etc/file"), "etc/file");
  await writeFile(join(root, "../root-outside/file"), "outside");
  await symlink("/etc/file", join(root, "etc/absolute"));
  await symlink("../in/../file", join(root, "etc/relative"));
  await symlink(join(root, "../root-outside/file"), join(root, "etc/outside"));
  await symlink("../../root-outside/file", join(root, "etc/beside"));
  return root;
}

test("readInRoot() finds what the machine would find, and nothing outside of its root", async (t) => {
  const root = await makeFiles(t);
  for (const [path, is] of [
    ["/etc/file", "etc/file"],
    ["etc/absolute", "etc/file"],
    ["/absolute/relative", "etc/file"],
    ["/etc/outside", undefined],
    ["/etc/beside", undefined],
    ["/up/file", undefined],
    ["/../root-outside/file", undefined],
    ["/loop", undefined],
    ["/gone", undefined],
    ["/etc/file/below", undefined],
    ["/nothing/at/all", undefined],
  ] as const) {
    assert.equal(await readInRoot(root, path), is, path);
    assert.equal(await findInRoot(root, path), is && join(root, is), path);
  }
});

test("readInRoot() says what it may not read", async (t) => {
  const root = await makeFiles(t);
  await assert.rejects(readInRoot(root, "/etc"), { code: "FILE_UNREADABLE" });
});

test("a root that is not there is a fault", async (t) => {
  const root = join(await makeRoot(t), "mistyped");
  await assert.rejects(pathInRoot(root, "/etc/a"), { code: "FILE_UNWRITABLE" });
  assert.equal(await readInRoot(root, "/etc/a"), undefined);
});
