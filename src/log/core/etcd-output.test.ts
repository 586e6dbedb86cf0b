import assert from "node:assert/strict";
import { test } from "node:test";
import { finalFault, isForeignPeer, parseEtcdLine } from "./etcd-output.ts";

const LINES = [
  {
    line: '{"level":"info","ts":"2026-11-21T11:51:59.875Z","msg":"configuring peer listeners"}',
    expected: { level: "debug", text: "configuring peer listeners" },
  },
  {
    line: '{"level":"fatal","msg":"discovery failed","error":"member count is unequal"}',
    expected: { level: "warn", text: "discovery failed: member count is unequal" },
  },
  {
    line: '{"level":"warn","msg":"simple token is not cryptographically signed"}',
    expected: { level: "debug", text: "simple token is not cryptographically signed" },
  },
  {
    line: "2018-01-01 10:00:00.000000 W | etcdserver: failed to send out heartbeat",
    expected: { level: "warn", text: "etcdserver: failed to send out heartbeat" },
  },
  {
    line: "2018-01-01 10:00:00.000000 I | raft: became leader",
    expected: { level: "debug", text: "raft: became leader" },
  },
  { line: "panic: out of memory", expected: { level: "warn", text: "panic: out of memory" } },
  { line: "{half", expected: { level: "warn", text: "{half" } },
] as const;
for (const { line, expected } of LINES)
  test(`reads ${line}`, () => assert.deepEqual(parseEtcdLine(line), expected));

const ENDS = [
  ["the member has been permanently removed from the cluster", "MEMBER_REMOVED"],
  ["error validating peerURLs {…}: member count is unequal", "CONFIG_INVALID"],
  ["member 8e9e05c52164694d has already been bootstrapped", "CONFIG_INVALID"],
  ["listen tcp 127.0.0.1:2380: bind: address already in use", "ADDRESS_IN_USE"],
  ["panic: runtime error", undefined],
] as const;
for (const [said, code] of ENDS)
  test(`${said}: ${code ?? "worth another start"}`, () => {
    const fault = finalFault("core-01", ["started", said, "closed"]);
    assert.equal(fault?.code, code);
    if (fault) assert.match(fault.message, /^Cannot .*core-01.*: .*[;,]/);
  });

test("knows a peer of another cluster", () => {
  assert.ok(isForeignPeer("request sent was ignored by remote peer due to cluster ID mismatch"));
  assert.ok(!isForeignPeer("lost the TCP streaming connection"));
});
