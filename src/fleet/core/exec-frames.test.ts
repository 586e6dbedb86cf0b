import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeFrames, FrameReader, PAYLOAD_BYTES_MAX, readExecRequest } from "./exec-frames.ts";

test("frames come out as they went in, however their bytes are cut", () => {
  const kinds = fc.constantFrom("stdin", "stdinEnd", "stdout", "stderr", "ping" as const);
  const frames = fc.array(fc.tuple(kinds, fc.uint8Array({ maxLength: 300 })), { maxLength: 20 });
  fc.assert(
    fc.property(frames, fc.integer({ min: 1, max: 40 }), (sent, step) => {
      const bytes = Buffer.concat(sent.map(([kind, payload]) => encodeFrames(kind, payload)));
      const reader = new FrameReader();
      const got = [];
      for (let at = 0; at < bytes.length; at += step)
        got.push(...reader.push(bytes.subarray(at, at + step))!);
      assert.deepEqual(
        got.map(({ kind, payload }) => [kind, [...payload]]),
        sent.map(([kind, payload]) => [kind, [...payload]]),
      );
    }),
  );
});

test("a long payload is several frames, and what is none is told", () => {
  const long = new Uint8Array(2 * PAYLOAD_BYTES_MAX + 3).fill(7);
  const frames = new FrameReader().push(encodeFrames("stdout", long))!;
  assert.deepEqual(
    frames.map(({ payload }) => payload.length),
    [PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MAX, 3],
  );
  assert.equal(new FrameReader().push(Buffer.from("GET / HTTP/1.1\r\n")), undefined);
  assert.equal(new FrameReader().push(Buffer.from([2, 0xff, 0, 0, 0])), undefined);
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void new FrameReader().push(bytes)));
});

test("readExecRequest() takes a command of texts, and nothing else", () => {
  const read = (value: unknown) => readExecRequest(Buffer.from(JSON.stringify(value)));
  assert.deepEqual(read({ command: ["ls", ""] }), { command: ["ls", ""] });
  assert.deepEqual(read({ command: ["ls"], user: "web" }), { command: ["ls"], user: "web" });
  const terminal = { columns: 80, rows: 24, type: "xterm" };
  assert.deepEqual(read({ command: ["vi"], terminal }), { command: ["vi"], terminal });
  for (const one of [{}, { ...terminal, rows: 0 }, { ...terminal, columns: 1.5 }, "xterm"])
    assert.equal(read({ command: ["vi"], terminal: one }), undefined, JSON.stringify(one));
  const bad = [null, {}, { command: "ls" }, { command: [] }, { command: [""] }, { command: [1] }];
  for (const value of [...bad, { command: ["ls"], user: 1 }, { command: ["a\0b"] }])
    assert.equal(read(value), undefined, JSON.stringify(value));
  assert.equal(readExecRequest(Buffer.from("{")), undefined);
});
