import assert from "node:assert/strict";
import { test } from "node:test";
import { startDns } from "./dns-for-tests.ts";
import { srvTargets, systemDns, targetUrl } from "./dns-srv.ts";

test("clients' endpoints: those with TLS first, by priority, then by name", async () => {
  await using server = await startDns({
    "_etcd-client-ssl._tcp.example.com": { srv: ["0 s.example.com 2379"] },
    "_etcd-client._tcp.example.com": {
      srv: ["10 b.example.com 2379", "10 a.example.com 2379", "5 c.example.com 4001"],
    },
    "_etcd-client._tcp.plain.example.com": { srv: ["0 p.example.com 2379"] },
  });
  const urls = async (domain: string) =>
    (await srvTargets("etcd-client", domain, server.dns)).map(targetUrl);
  assert.deepEqual(await urls("example.com"), [
    "https://s.example.com:2379",
    "http://c.example.com:4001",
    "http://a.example.com:2379",
    "http://b.example.com:2379",
  ]);
  assert.deepEqual(await urls("plain.example.com"), ["http://p.example.com:2379"]);
  await assert.rejects(urls("other.example.com"), {
    code: "DISCOVERY_REFUSED",
    message: /_etcd-client-ssl\._tcp\.other\.example\.com: no such record; .*add SRV records/,
  });
});

test("the system's own resolver has the loopback's address", async () => {
  assert.ok((await systemDns.addresses("localhost")).length > 0);
  assert.deepEqual(await systemDns.addresses("127.0.0.1"), ["127.0.0.1"]);
});
