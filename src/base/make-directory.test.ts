import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { checkDataDirectory, makeDataDirectory, makeDirectory } from "./make-directory.ts";

function own(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "keelson-make-"));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

test("what is missing is made, all with the mode; what is there stays", (t) => {
  const path = own(t);
  makeDirectory(join(path, "a/b/c"), 0o700);
  for (const made of ["a", "a/b", "a/b/c"])
    assert.equal(statSync(join(path, made)).mode & 0o777, 0o700);
  makeDirectory(join(path, "a/b"), 0o755);
  assert.equal(statSync(join(path, "a/b")).mode & 0o777, 0o700);
});

test("where nothing can be made it ends with an error", () => {
  const fault = { code: "FILE_UNWRITABLE", message: /^Cannot make the data directory \/proc\/foo/ };
  assert.throws(() => makeDataDirectory("/proc/foo"), fault);
  assert.throws(() => makeDataDirectory("/proc/foo/below"), fault);
});

test("what is no directory is named", (t) => {
  const path = own(t);
  writeFileSync(join(path, "file"), "");
  const message = new RegExp(`${path}/file is not a directory`);
  for (const below of ["file", "file/a", "file/a/b"]) {
    assert.throws(() => makeDataDirectory(join(path, below)), { code: "FILE_UNWRITABLE", message });
    assert.throws(() => checkDataDirectory(join(path, below)), {
      code: "FILE_UNWRITABLE",
      message,
    });
  }
  symlinkSync(join(path, "nowhere"), join(path, "link"));
  assert.throws(() => makeDirectory(join(path, "link")), { code: "EEXIST" });
  checkDataDirectory(join(path, "new/one"));
  assert.equal(existsSync(join(path, "new")), false);
});
