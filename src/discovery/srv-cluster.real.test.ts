import assert from "node:assert/strict";
import { test } from "node:test";
import { startDns } from "#keys/dns-for-tests.ts";
import { srvCluster } from "./srv-cluster.ts";

const ZONE = {
  "_etcd-server._tcp.example.com": {
    srv: ["0 core-01.example.com 2380", "0 core-02.example.com 2380", "0 core-03.example.com 2380"],
  },
  "_etcd-server-ssl._tcp.safe.example.com": {
    srv: ["0 core-01.example.com 2380", "0 gone.example.com 2380"],
  },
  "_etcd-server-blue._tcp.example.com": { srv: ["0 core-03.example.com 2380"] },
  "_etcd-server._tcp.empty.example.com": { srv: ["0 gone.example.com 2380"] },
  "core-01.example.com": { a: ["10.0.0.1"] },
  "core-02.example.com": { a: ["10.0.0.2"] },
  "core-03.example.com": { a: ["10.0.0.3"] },
};

test("members by DNS: the one at our address has our name, the others are numbered", async () => {
  await using server = await startDns(ZONE);
  const shared = { domain: "example.com", name: "here", dns: server.dns };
  for (const own of ["http://10.0.0.2:2380", "http://core-02.example.com:2380"])
    assert.deepEqual(
      [...(await srvCluster({ ...shared, peerURLs: [own] }))],
      [
        ["0", ["http://core-01.example.com:2380"]],
        ["here", ["http://core-02.example.com:2380"]],
        ["1", ["http://core-03.example.com:2380"]],
      ],
    );
  const onlooker = await srvCluster({ ...shared, peerURLs: [] });
  assert.deepEqual([...onlooker.keys()], ["0", "1", "2"]);
  const otherPort = await srvCluster({ ...shared, peerURLs: ["http://10.0.0.2:7001"] });
  assert.ok(!otherPort.has("here"));
  const blue = await srvCluster({ ...shared, suffix: "blue", peerURLs: [] });
  assert.deepEqual([...blue], [["0", ["http://core-03.example.com:2380"]]]);
});

test("with TLS: https, hosts without an address left out, another scheme than ours refused", async () => {
  await using server = await startDns(ZONE);
  const shared = { domain: "safe.example.com", name: "here", dns: server.dns };
  assert.deepEqual(
    [...(await srvCluster({ ...shared, peerURLs: ["https://10.0.0.1:2380"] }))],
    [["here", ["https://core-01.example.com:2380"]]],
  );
  await assert.rejects(srvCluster({ ...shared, peerURLs: ["http://10.0.0.1:2380"] }), {
    code: "CONFIG_INVALID",
    message: /says https:\/\/core-01.example.com:2380, but initial-advertise-peer-urls http:/,
  });
  for (const [domain, says] of [
    ["empty.example.com", /no host that its SRV records name has an address/],
    ["nowhere.example.com", /no such record/],
  ] as const)
    await assert.rejects(srvCluster({ ...shared, domain, peerURLs: [] }), {
      code: "DISCOVERY_REFUSED",
      message: says,
    });
});
