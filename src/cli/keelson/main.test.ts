import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { FACES } from "#cli/faces.ts";
import { HELP, helpOf } from "./help.ts";
import { keelson } from "./main.ts";

const CASES: [typed: string, says: RegExp][] = [
  ["statsu", /no such command; did you mean `keelson status`; `keelson help` lists them$/],
  ["etcdclt", /did you mean `keelson etcdctl`;/],
  ["Halt", /did you mean `keelson halt`;/],
  ["--project", /^Cannot use --project here: options stand behind the command, as in/],
  ["entirely-else", /^Cannot run "entirely-else": no such command; `keelson help` lists them$/],
];

for (const [typed, says] of CASES)
  test(`keelson ${typed} is told from a command`, async () => {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const signal = new AbortController().signal;
    await assert.rejects(
      keelson([typed], { stdin, stdout, stderr, env: {}, cwd: "/", signal }),
      (error: unknown) =>
        error instanceof Fault && error.code === "USAGE" && says.test(error.message),
    );
  });

test("every command that the help lists explains itself, by help and by --help", async () => {
  const listed = [...HELP.matchAll(/^ {2}(?:eval "\$\()?keelson ([a-z0-9-]+)/gm)].map(
    ([, name]) => name ?? "",
  );
  assert.ok(listed.length > 12);
  for (const name of listed.filter((each) => !Object.hasOwn(FACES, each))) {
    assert.match(helpOf(name), new RegExp(`keelson ${name}`));
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const signal = new AbortController().signal;
    const io = { stdin, stdout, stderr, env: {}, cwd: "/", signal };
    assert.equal(await keelson([name, "--help"], io), 0);
    assert.equal(String(stdout.read()), helpOf(name));
  }
  assert.throws(() => helpOf("constructor"), { code: "USAGE" });
});
