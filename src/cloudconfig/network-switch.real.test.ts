import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { test } from "node:test";
import { promisify } from "node:util";
import { applyLoadModule } from "./network-switch.ts";

const run = promisify(execFile);
const skip = process.getuid?.() === 0 ? false : "needs root";

/** In a network namespace of its own, whose only interface is lo. */
const IN_NAMESPACE = `
import { applyTakeDown } from "./network-switch.ts";
const outcomes = [];
for (const name of ["lo", "eth0", "../lo", ""]) outcomes.push(await applyTakeDown(name, "/"));
console.log(JSON.stringify(outcomes));
`;

test("applyTakeDown() takes down an interface that is there, and passes over others", {
  skip,
}, async () => {
  const script = `ip link set lo up; "$0" --input-type=module -e "$1"; ip -brief link show lo`;
  const args = ["--net", "sh", "-ec", script, process.execPath, IN_NAMESPACE];
  const { stdout } = await run("unshare", args, { cwd: import.meta.dirname });
  const [outcomes = "", shown = ""] = stdout.split("\n");
  assert.deepEqual(
    (JSON.parse(outcomes) as { result: string }[]).map(({ result }) => result),
    ["done", "unchanged", "unchanged", "unchanged"],
  );
  assert.match(shown, /^lo +DOWN /);
});

test("applyLoadModule() leaves a module alone that is there, and tells what modprobe says", async () => {
  const [there = ""] = await readdir("/sys/module");
  const loaded = { kind: "load-module", module: there, options: [] } as const;
  assert.equal((await applyLoadModule(loaded, "/")).result, "unchanged");
  const unknown = { ...loaded, module: "keelson-no-such-module" };
  await assert.rejects(applyLoadModule(unknown, "/"), {
    code: "MACHINE_REFUSED",
    message: /modprobe/,
  });
});
