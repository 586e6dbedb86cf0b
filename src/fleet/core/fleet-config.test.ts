import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { parseDurationMs, parseFleetConfig, parseList, parseMetadata } from "./fleet-config.ts";

test("parseFleetConfig() reads what cloud-configs and people write", () => {
  const text = [
    "# fleet",
    'etcd_servers=["http://172.31.7.1:2379", "http://b:2379"]',
    'public_ip="172.31.7.11"',
    'metadata="role=node1,az=a,region=lab"',
    "; more",
    "  verbosity = 1  ",
    "agent_ttl=30s",
    "",
  ].join("\n");
  const { values, lines } = parseFleetConfig(text, "fleet.conf");
  assert.deepEqual(values, {
    etcd_servers: '["http://172.31.7.1:2379", "http://b:2379"]',
    public_ip: "172.31.7.11",
    metadata: "role=node1,az=a,region=lab",
    verbosity: "1",
    agent_ttl: "30s",
  });
  assert.equal(lines.get("agent_ttl"), 7);
  assert.deepEqual(parseList(values.etcd_servers!), ["http://172.31.7.1:2379", "http://b:2379"]);
  assert.deepEqual(parseList("http://a,http://b"), ["http://a", "http://b"]);
});

test("parseFleetConfig() says which line is wrong", () => {
  assert.throws(() => parseFleetConfig("verbosity=1\npublicip=1", "/etc/fleet/fleet.conf"), {
    code: "CONFIG_INVALID",
    message:
      /^Cannot use \/etc\/fleet\/fleet\.conf, line 2: there is no setting publicip; expected one of verbosity/,
  });
  assert.throws(() => parseFleetConfig("nonsense", "f"), {
    message: /line 1: "nonsense" is no key=value line/,
  });
});

test("parseFleetConfig() gives values or its one Fault for any text", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("a", "=", '"', "\\", "\n", "#", "[", "verbosity", " ") }),
      (text) => {
        try {
          parseFleetConfig(text, "f");
        } catch (error) {
          assert.ok(error instanceof Fault && error.code === "CONFIG_INVALID");
        }
      },
    ),
  );
});

test("durations and metadata", () => {
  for (const [text, ms] of [
    ["30s", 30_000],
    ["1m30s", 90_000],
    ["500ms", 500],
    ["6", 6_000],
    ["0.5", 500],
    ["x", undefined],
    ["", undefined],
    ["5d", undefined],
  ] as const)
    assert.equal(parseDurationMs(text), ms, text);
  assert.deepEqual(
    parseMetadata("a=b, c = d"),
    new Map([
      ["a", "b"],
      ["c", "d"],
    ]),
  );
  assert.deepEqual(parseMetadata(""), new Map());
  assert.equal(parseMetadata("a"), undefined);
  assert.equal(parseMetadata("a=b,=c"), undefined);
});
