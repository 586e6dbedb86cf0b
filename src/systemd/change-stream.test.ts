import assert from "node:assert/strict";
import { test } from "node:test";
import { ChangeStream, ChangeStreams } from "#systemd/change-stream.ts";

test("a ChangeStream gives each waiting name once, in the order of the first change", async () => {
  const stream = new ChangeStream();
  for (const name of ["a", "b", "a", "c", "b"]) stream.push(name);
  stream.end();
  assert.deepEqual(await Array.fromAsync(stream), ["a", "b", "c"]);
});

test("a ChangeStream tells of a name again when it changes after it was read", async () => {
  const stream = new ChangeStream();
  stream.push("a");
  const seen: string[] = [];
  for await (const name of stream) {
    seen.push(name);
    if (seen.length < 3) stream.push("a");
    else stream.end();
  }
  assert.deepEqual(seen, ["a", "a", "a"]);
});

test("a ChangeStream keeps 4096 names for a slow reader, and one more makes them all one", async () => {
  const names = Array.from({ length: 4096 }, (_, i) => `u${i}.service`);
  const full = new ChangeStream();
  for (const name of names) full.push(name);
  full.push("u0.service"); // waits already
  full.end();
  assert.equal((await Array.fromAsync(full)).length, 4096);
  const over = new ChangeStream();
  for (const name of [...names, "more.service", "again.service"]) over.push(name);
  over.end();
  assert.deepEqual(await Array.fromAsync(over), ["*"]);
});

test("a ChangeStream wakes a reader that waits, and ends with its error after what was pushed", async () => {
  const stream = new ChangeStream();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const name of stream) seen.push(name);
  })();
  await new Promise(setImmediate);
  stream.push("a");
  stream.end(new Error("gone"));
  stream.push("b");
  await assert.rejects(reading, { message: "gone" });
  assert.deepEqual(seen, ["a"]);
});

test("ChangeStreams feeds every reader, and lets go of those that left or were aborted", async () => {
  const streams = new ChangeStreams();
  const controller = new AbortController();
  const aborted = streams.open(controller.signal);
  const kept = streams.open(new AbortController().signal);
  streams.push("a");
  controller.abort();
  streams.push("b");
  assert.deepEqual(await Array.fromAsync(aborted), ["a"]);
  const seen: string[] = [];
  for await (const name of kept) {
    seen.push(name);
    if (name === "b") break;
  }
  assert.deepEqual(seen, ["a", "b"]);
  assert.deepEqual(await Array.fromAsync(streams.open(AbortSignal.abort())), []);
});
