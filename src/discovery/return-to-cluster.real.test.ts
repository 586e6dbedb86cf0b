import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { test } from "node:test";
import { systemClock } from "#base/clock.ts";
import { openLogger } from "#base/logger.ts";
import { freePort } from "#keys/real-etcd.ts";
import { type DiscoveredEtcd, eventually, memberNames, put, startEtcd } from "./etcd-for-tests.ts";
import { joinCluster } from "./join-cluster.ts";
import { returnToCluster } from "./return-to-cluster.ts";
import { startService } from "./service-for-tests.ts";

const shared = { clock: systemClock, random: Math.random, logger: openLogger("silent") };
const limit = () => AbortSignal.timeout(120_000);

test("a machine that lost its data takes its place in a running cluster again, also with a new address", async (t) => {
  await using service = await startService();
  const url = await service.newToken(3);
  const servers: DiscoveredEtcd[] = [];
  for (const name of ["one", "two", "three"])
    servers.push(await startEtcd(t, name, { discovery: url }));
  const [one, two, three] = servers as [DiscoveredEtcd, DiscoveredEtcd, DiscoveredEtcd];
  await eventually("a write", () => put(one.clientUrl, "before"), isWritten);
  await eventually(
    "members",
    () => memberNames(three.clientUrl),
    (names) => names === "one,three,two",
  );

  // Its namesake lives: another machine is misconfigured.
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  const cluster = new Map(servers.map((server) => [server.name, [server.peerUrl]]));
  const own = { name: "three", peerURLs: [peerUrl] };
  await assert.rejects(returnToCluster({ ...shared, ...own, cluster }, limit()), {
    code: "DISCOVERY_REFUSED",
    message: /three, is alive at/,
  });

  for (const peerURLs of [[three.peerUrl], [peerUrl]]) {
    for (const server of servers.filter(({ name }) => name === "three")) {
      server.child.kill("SIGKILL");
      await server.ended;
      await rm(server.directory, { recursive: true, force: true });
    }
    const joined = await joinCluster({ ...shared, url, name: "three", peerURLs }, limit());
    assert.ok(joined.kind === "member" && joined.isReturning);
    const known = { ...shared, name: "three", peerURLs, cluster: joined.cluster };
    const members = await returnToCluster(known, limit());
    assert.deepEqual(new Set(members.keys()), new Set(["one", "two", "three"]));
    const repeated = await returnToCluster(known, limit());
    assert.deepEqual(
      [...repeated.values()].flat().toSorted(),
      [...members.values()].flat().toSorted(),
    );
    const back = await startEtcd(t, "three", { cluster: members });
    servers.push(back);
    await eventually("a write", () => put(back.clientUrl, "after"), isWritten);
    await eventually(
      "members",
      () => memberNames(back.clientUrl),
      (names) => names === "one,three,two",
    );
    const read = await fetch(`${back.clientUrl}/v2/keys/before`);
    assert.equal(read.status, 200);
  }

  one.child.kill("SIGKILL");
  two.child.kill("SIGKILL");
  await Promise.all([one.ended, two.ended]);
  const lost = { ...shared, name: "one", peerURLs: [one.peerUrl], cluster, readyWithinMs: 0 };
  await assert.rejects(returnToCluster(lost, limit()), {
    code: "DISCOVERY_REFUSED",
    message: /lost its data, and of the others /,
  });
});

function isWritten(status: number): boolean {
  return status === 200 || status === 201;
}
