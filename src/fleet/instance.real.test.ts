import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { machineInstance } from "./instance.ts";

const run = promisify(execFile);
const FILE = fileURLToPath(new URL("./instance.ts", import.meta.url));
const CODE = `import(${JSON.stringify(FILE)}).then(async (m) => console.log(await m.machineInstance("/")))`;
const skip = process.getuid?.() === 0 ? false : "needs root, for namespaces";

test("the instance is the same for a daemon that restarts, and another for a copy of the machine in a container", {
  skip,
}, async () => {
  const here = await machineInstance("/");
  const { stdout: restarted } = await run(process.execPath, ["-e", CODE]);
  assert.equal(restarted.trim(), here);
  const container = ["--pid", "--net", "--fork", "--mount-proc", process.execPath, "-e", CODE];
  const { stdout: copy } = await run("unshare", container);
  assert.notEqual(copy.trim(), here);
  assert.equal(copy.split(" ")[0], here.split(" ")[0], "they share the boot");
  assert.notEqual(await machineInstance("/other"), here);
});
