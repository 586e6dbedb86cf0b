import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LaunchMessage, spawnFailure } from "./launch-message.ts";

/** What is passed on of these pieces, and why the command could not be started. */
function shown(command: string, pieces: readonly string[], status: number) {
  const message = new LaunchMessage(command);
  const passed = pieces.map((piece) => Buffer.from(message.take(Buffer.from(piece))).toString());
  const { failure, rest } = message.end(status);
  return { text: passed.join("") + Buffer.from(rest).toString(), failure };
}

const NSENTER = "nsenter: failed to execute ls: No such file or directory\n";
const CASES: readonly (readonly [
  command: string,
  pieces: readonly string[],
  status: number,
  text: string,
  failure: string | undefined,
])[] = [
  ["ls", [NSENTER], 127, "", "command not found"],
  ["ls", ["nsen", "ter: failed", " to execute ls"], 127, "", "command not found"],
  ["ls", ["setpriv: failed to execute ls: x\r\n"], 126, "", "it is there, but cannot be executed"],
  ["ls", ["sh: 1: exec: ls: not found\n"], 127, "", "command not found"],
  // The command itself has said it, or more, or ended otherwise.
  ["ls", [NSENTER], 1, NSENTER, undefined],
  ["nsenter", [NSENTER], 127, NSENTER, undefined],
  ["/usr/bin/nsenter", [NSENTER], 127, NSENTER, undefined],
  ["ls", ["oh\n", NSENTER], 127, `oh\n${NSENTER}`, undefined],
  ["ls", [NSENTER, "and\n"], 127, `${NSENTER}and\n`, undefined],
  ["ls", ["set"], 127, "set", undefined],
  ["ls", [], 127, "", undefined],
];

for (const [command, pieces, status, text, failure] of CASES)
  test(`${command} that prints ${JSON.stringify(pieces)} and exits with ${status}`, () => {
    assert.deepEqual(shown(command, pieces, status), { text, failure });
  });

test("whatever else is printed goes through as it is", () => {
  const pieces = fc.array(fc.oneof(fc.string(), fc.constantFrom("nsenter: ", "setpriv", "\n")));
  fc.assert(
    fc.property(pieces, (all) => {
      assert.deepEqual(shown("ls", all, 0), { text: all.join(""), failure: undefined });
    }),
  );
});

test("what the kernel says of a program that it does not start", () => {
  assert.equal(spawnFailure("ENOENT")?.status, 127);
  assert.equal(spawnFailure("EACCES")?.status, 126);
  assert.equal(spawnFailure("EAGAIN"), undefined);
});
