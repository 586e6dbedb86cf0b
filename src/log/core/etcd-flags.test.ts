import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type EtcdMember,
  etcdFlags,
  parseEtcdVersion,
  versionCaution,
  versionObstacle,
} from "./etcd-flags.ts";

const MEMBER: EtcdMember = {
  name: "a",
  listenPeerUrls: ["http://10.0.0.1:2380"],
  peerUrls: ["http://10.0.0.1:2380"],
  clientUrls: ["http://10.0.0.1:2379"],
  initialCluster: new Map([
    ["a", ["http://10.0.0.1:2380"]],
    ["b", ["http://10.0.0.2:2380", "http://10.1.0.2:2380"]],
  ]),
  initialState: "existing",
  token: "t",
  tuning: { heartbeatMs: 50, peerTls: { "peer-cert-file": "/c" } },
};

function flagsOf(version: string): string[] {
  const parsed = parseEtcdVersion(`etcd Version: ${version}\nGit SHA: none\n`);
  assert.ok(parsed);
  return etcdFlags(MEMBER, "/data", parsed);
}

test("a member's flags say who it is, who the others are, and what was passed through", () => {
  const flags = flagsOf("3.4.23");
  for (const flag of [
    "--initial-cluster=a=http://10.0.0.1:2380,b=http://10.0.0.2:2380,b=http://10.1.0.2:2380",
    "--initial-cluster-state=existing",
    "--initial-cluster-token=t",
    "--listen-client-urls=unix://client:0",
    "--advertise-client-urls=http://10.0.0.1:2379",
    "--heartbeat-interval=50",
    "--peer-cert-file=/c",
    "--data-dir=/data",
  ])
    assert.ok(flags.includes(flag), `${flag} in ${flags.join(" ")}`);
  assert.ok(!flags.some((flag) => /election-timeout|strict-reconfig/.test(flag)));
});

test("only flags are used that the version has", () => {
  const has = (version: string, flag: string) =>
    flagsOf(version).some((given) => given.startsWith(`--${flag}=`));
  assert.ok(!has("3.3.27", "logger") && has("3.4.0", "logger") && has("3.6.1", "logger"));
  assert.ok(has("3.3.27", "enable-v2") && has("3.5.9", "enable-v2") && !has("3.6.0", "enable-v2"));
});

test("versions that do not serve are told apart", () => {
  const obstacle = (version: string) => {
    const parsed = parseEtcdVersion(`etcd Version: ${version}`);
    return parsed && versionObstacle(parsed);
  };
  assert.equal(obstacle("3.4.23"), undefined);
  assert.equal(obstacle("3.7.0-rc.1"), undefined);
  assert.match(obstacle("2.3.8") ?? "", /2\.3\.8/);
  assert.match(obstacle("3.2.1") ?? "", /3\.2\.1/);
  assert.equal(parseEtcdVersion("something else"), undefined);
});

test("versions with known faults are warned of, with the ones to take", () => {
  const caution = (version: string) => {
    const parsed = parseEtcdVersion(`etcd Version: ${version}`);
    assert.ok(parsed);
    return versionCaution(parsed);
  };
  for (const version of ["3.4.22", "3.4.23", "3.5.6", "3.5.16", "3.6.0", "3.7.0-rc.1"])
    assert.equal(caution(version), undefined, version);
  for (const version of ["3.3.27", "3.4.0", "3.4.21", "3.5.3", "3.5.5"])
    assert.match(
      caution(version) ?? "",
      /can lose what was written.*take 3\.5\.6 or later/,
      version,
    );
  for (const version of ["3.5.0", "3.5.2"])
    assert.match(caution(version) ?? "", /data differ after a crash/, version);
});
