import assert from "node:assert/strict";
import { test } from "node:test";
import { type Etcd2Settings, mayBeMember, readEtcd2Settings } from "./etcd2-settings.ts";

function read(args: readonly string[], env: Record<string, string> = {}): Etcd2Settings {
  return readEtcd2Settings(args, { env, cwd: "/cwd" });
}

test("without settings it is etcd's lone default member", () => {
  const settings = read([]);
  assert.equal(settings.name, "default");
  assert.equal(settings.dataDir, "/cwd/default.etcd");
  assert.deepEqual(settings.clientURLs, ["http://localhost:2379"]);
  assert.deepEqual(settings.peerURLs, ["http://localhost:2380"]);
  assert.deepEqual(settings.initial, { kind: "static", cluster: undefined });
  assert.equal(settings.external, undefined);
});

test("what a CoreOS machine's drop-in and member add say is understood", () => {
  const settings = read([], {
    ETCD_NAME: "core-02",
    ETCD_ADVERTISE_CLIENT_URLS: "http://10.0.0.2:2379",
    ETCD_LISTEN_CLIENT_URLS: "http://0.0.0.0:2379,http://0.0.0.0:4001",
    ETCD_LISTEN_PEER_URLS: "http://10.0.0.2:2380",
    ETCD_INITIAL_CLUSTER: "core-01=http://10.0.0.1:2380,core-02=http://10.0.0.2:2380",
    ETCD_INITIAL_CLUSTER_STATE: "existing",
    ETCD_SNAPSHOT_COUNT: "5000",
    ETCD_DEBUG: "true",
    ETCD_HEARTBEAT_INTERVAL: "200",
  });
  assert.ok(settings.initial.kind === "static");
  assert.deepEqual([...(settings.initial.cluster?.keys() ?? [])], ["core-01", "core-02"]);
  assert.equal(settings.isJoining, true);
  assert.deepEqual(settings.ignored, ["debug", "snapshot-count"]);
  assert.equal(settings.tuning.heartbeatMs, 200);
  assert.equal(settings.listenClientUrls.length, 2);
});

test("switches need no value, flags win over the environment, and a wildcard is no address", () => {
  const settings = read(
    ["--strict-reconfig-check", "-name=a", "--debug", "--listen-client-urls", "http://[::]:2379"],
    { ETCD_NAME: "b" },
  );
  assert.equal(settings.tuning.strictReconfigCheck, true);
  assert.equal(settings.name, "a");
  assert.equal(settings.clientURLs, undefined);
});

test("who may be a member", () => {
  const cluster = new Map([["a", ["http://10.0.0.1:2380"]]]);
  const named = { kind: "static", cluster } as const;
  const url = { kind: "discovery", url: "http://10.0.0.1/x", httpProxy: undefined } as const;
  assert.equal(mayBeMember("a", "auto", named), true);
  assert.equal(mayBeMember("b", "auto", named), false);
  assert.equal(mayBeMember("b", "auto", url), true);
  assert.equal(mayBeMember("b", "off", named), true);
  assert.equal(mayBeMember("a", "on", named), false);
  assert.equal(mayBeMember("a", "readonly", url), false);
});

const REFUSED: readonly (readonly [readonly string[], RegExp])[] = [
  [["--initial-cluster", "a"], /Cannot use initial-cluster from the flags: expected NAME=/],
  [["--initial-cluster", "a=ftp://x:1"], /expected NAME=/],
  [["--heartbeat-interval", "0"], /Cannot use heartbeat-interval .* number of milliseconds/],
  [["--log", "disk"], /expected auto, embedded or etcd/],
  [["--log-prefix", "keelson/"], /expected a path such as/],
  [["--discovery-fallback", "none"], /expected exit or proxy/],
  [["--discovery", "http://a/x", "--discovery-srv", "a"], /discovery and discovery-srv together/],
  [["--hartbeat-interval", "1"], /did you mean --heartbeat-interval\?/],
  [["--wholly-other", "1"], /see --help/],
  [["extra"], /"extra": it is no flag/],
];
for (const [args, says] of REFUSED)
  test(`refuses ${args.join(" ")}`, () => assert.throws(() => read(args), says));
