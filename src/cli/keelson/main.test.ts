import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { Fault } from "#base/fault.ts";
import { keelson } from "./main.ts";

const CASES: [typed: string, says: RegExp][] = [
  ["statsu", /no such command; did you mean `keelson status`; `keelson help` lists them$/],
  ["etcdclt", /did you mean `keelson etcdctl`;/],
  ["Halt", /did you mean `keelson halt`;/],
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
