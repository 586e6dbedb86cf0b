// The shape in which DNS alone says who belongs to the cluster; a real name server answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { openExample, until } from "#test/support/example.ts";

const NETWORK = "10.201.87"; // apart from machines that a person may have

test("machines find their cluster by DNS SRV records", async () => {
  await using example = await openExample("shapes/dns", { "192.168.2": NETWORK });
  await example.says("keelson up dns");
  await example.says("keelson up core worker");
  const members = await example.says("keelson ssh core-02 etcdctl member list");
  assert.deepEqual(
    [...members.matchAll(/ name=(\S+) peerURLs=(\S+)/g)]
      .map(([, ...what]) => what.join(" "))
      .toSorted(),
    ["core-01", "core-02", "core-03"].map((name) => `${name} http://${name}.example.com:2380`),
  );
  await until("all three are healthy", async () => {
    const { stdout } = await example.run("keelson ssh core-01 etcdctl cluster-health");
    return stdout.endsWith("cluster is healthy\n") && !/unhealthy|unreachable/.test(stdout);
  });
  await until("the worker has found the store", async () => {
    const { status } = await example.run("keelson ssh worker-01 etcdctl set /by worker");
    return status === 0;
  });
  assert.equal(await example.says("keelson ssh core-03 etcdctl get /by"), "worker\n");
  await until("fleet has them all", async () => {
    const list = "keelson ssh worker-01 fleetctl list-machines --no-legend --fields=metadata";
    const { stdout } = await example.run(list);
    return (
      stdout.trim().split("\n").toSorted().join() === "role=core,role=core,role=core,role=worker"
    );
  });
  await example.says("keelson halt --force core-02");
  await until("the worker's requests are answered without it", async () => {
    const { status } = await example.run("keelson ssh worker-01 etcdctl set /lost core-02");
    return status === 0;
  });
});
