import assert from "node:assert/strict";
import { test } from "node:test";
import { JobTracker } from "#systemd/job-tracker.ts";

const SIGNAL = new AbortController().signal;

test("run() resolves with the end that is told after the job is queued", async () => {
  const jobs = new JobTracker();
  const first = jobs.run(async () => "/job/1", SIGNAL);
  const same = jobs.run(async () => "/job/1", SIGNAL);
  const other = jobs.run(async () => "/job/2", SIGNAL);
  await new Promise(setImmediate);
  jobs.ended("/job/2", "failed");
  jobs.ended("/job/1", "done");
  assert.deepEqual(await Promise.all([first, same, other]), ["done", "done", "failed"]);
});

test("run() resolves with an end that is told before the reply is read", async () => {
  const jobs = new JobTracker();
  const reply = Promise.withResolvers<string>();
  const running = jobs.run(() => reply.promise, SIGNAL);
  jobs.ended("/job/1", "timeout");
  reply.resolve("/job/1");
  assert.equal(await running, "timeout");
});

test("run() does not take the end of an earlier job for its own", async () => {
  const jobs = new JobTracker();
  jobs.ended("/job/1", "failed");
  const running = jobs.run(async () => "/job/1", SIGNAL);
  await new Promise(setImmediate);
  jobs.ended("/job/1", "done");
  assert.equal(await running, "done");
});

test("run() rejects when the job cannot be queued, is aborted, or nothing is told any more", async () => {
  const jobs = new JobTracker();
  const refused = jobs.run(() => Promise.reject(new Error("refused")), SIGNAL);
  await assert.rejects(refused, { message: "refused" });
  const controller = new AbortController();
  const aborted = jobs.run(async () => "/job/1", controller.signal);
  await new Promise(setImmediate);
  controller.abort(new Error("enough"));
  await assert.rejects(aborted, { message: "enough" });
  const lost = jobs.run(async () => "/job/2", SIGNAL);
  await new Promise(setImmediate);
  jobs.fail(new Error("lost"));
  await assert.rejects(lost, { message: "lost" });
  await assert.rejects(
    jobs.run(async () => "/job/3", SIGNAL),
    { message: "lost" },
  );
});
