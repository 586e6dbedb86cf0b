import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdClient, EtcdCompare } from "#log/etcd-client.ts";
import { EtcdLogSimulation } from "#log/etcd-log-simulation.ts";

const SEEDS = 100;
/** Seeds in which a planted fault has to show. */
const PLANTED_SEEDS = 120;

test(`${SEEDS} seeds: servers of one etcd under faults deliver one sequence, without gap and repeat`, async (t) => {
  const sum = { entries: 0, rejected: 0, jumps: 0, saved: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const met = await new EtcdLogSimulation(seed).run().catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
    for (const [name, count] of Object.entries(met)) sum[name as keyof typeof sum] += count;
  }
  t.diagnostic(JSON.stringify(sum));
  assert.ok(sum.rejected > SEEDS && sum.jumps > SEEDS / 4 && sum.saved > SEEDS / 2);
});

/** Appends without one of their conditions. */
function withoutCondition(left: EtcdCompare["target"]) {
  return (client: EtcdClient): EtcdClient =>
    disguised(client, {
      txn: (request, options) => {
        const isAppend = request.success.some(({ key }) => key.includes("/entries/"));
        const compare = request.compare.filter(({ target }) => !isAppend || target !== left);
        return client.txn({ ...request, compare }, options);
      },
    });
}

function disguised(client: EtcdClient, changes: Partial<EtcdClient>): EtcdClient {
  return new Proxy(client, {
    get: (target, name) => {
      const found: unknown = Reflect.get(changes, name) ?? Reflect.get(target, name, target);
      return typeof found === "function" ? found.bind(target) : found;
    },
  });
}

const PLANTED = {
  "appending without the fence of the snapshot": withoutCondition("modRevision"),
  "appending without asking whether the key is there": withoutCondition("createRevision"),
  "a watch that goes on one revision too late": (client: EtcdClient) =>
    disguised(client, {
      watch: (request, signal) =>
        client.watch({ ...request, startRevision: request.startRevision + 1 }, signal),
    }),
};
for (const [name, disguise] of Object.entries(PLANTED))
  test(`the simulation finds a planted fault: ${name}`, async (t) => {
    let seed = 1;
    for (; seed <= PLANTED_SEEDS; seed++)
      try {
        await new EtcdLogSimulation(seed, disguise).run();
      } catch (error) {
        t.diagnostic(`seed ${seed}: ${String(error).split("\n")[0]}`);
        return;
      }
    assert.fail(`not found in ${PLANTED_SEEDS} seeds`);
  });
