// Three containers lose their power, their network, their daemons and their store, one after the other; of a unit that
// asks for it there is never a second copy, and how long it takes until things run again is printed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Machine } from "#machines/core/machine.ts";
import {
  type ContainerCluster,
  openContainerCluster,
  quickstartFor,
} from "#test/support/container-cluster.ts";
import { WITNESS_UNIT, Witness } from "#test/support/witness.ts";

const LIMIT_MS = 180_000;
const SIGNAL = new AbortController().signal;
/** More of them by hand; the suite has time for one. */
const ROUNDS = Number(process.env["KEELSON_ROUNDS"] ?? 1);
const STORE = "core-01";
const WORKERS = ["core-02", "core-03"];
const AWAY_MS = 40_000; // several times to live

const PLAIN_UNIT =
  "[Service]\nExecStart=/bin/sleep infinity\n\n[X-Fleet]\nMachineMetadata=role=worker\n";

async function until(what: string, holds: () => Promise<boolean>): Promise<number> {
  const startMs = performance.now();
  while (!(await holds().catch(() => false))) {
    assert.ok(performance.now() - startMs < LIMIT_MS, `not within ${LIMIT_MS} ms: ${what}`);
    await sleep(100);
  }
  return performance.now() - startMs;
}

class Trial {
  readonly cluster: ContainerCluster;
  readonly #witness: Witness;

  constructor(cluster: ContainerCluster, witness: Witness) {
    this.cluster = cluster;
    this.#witness = witness;
  }

  machine(name: string): Machine {
    return this.cluster.machines.find((machine) => machine.name === name)!;
  }

  fleetctl(args: string): Promise<string> {
    return this.cluster.succeed(STORE, `fleetctl ${args}`);
  }

  etcdctl(args: string): Promise<string> {
    const endpoint = `http://${this.machine(STORE).address}:2379`;
    return this.cluster.succeed(STORE, `etcdctl --endpoints ${endpoint} ${args}`);
  }

  /** The machine whose copy wrote last. */
  async holder(): Promise<string> {
    const runs = await this.#witness.runs();
    return runs.toSorted((a, b) => (a.lastNs < b.lastNs ? 1 : -1))[0]?.machine ?? "";
  }

  other(name: string): string {
    return WORKERS.find((worker) => worker !== name)!;
  }

  /** Milliseconds until a copy that began after now writes. */
  async nextRun(): Promise<number> {
    const before = (await this.#witness.runs()).length;
    return until("a new copy runs", async () => (await this.#witness.runs()).length > before);
  }

  /** All machines are there, the witness runs in one copy, and the plain units do. */
  async settled(): Promise<void> {
    await until("three machines", async () => {
      return (await this.fleetctl("list-machines --no-legend")).trim().split("\n").length === 3;
    });
    await until("all units are active", async () => {
      const rows = (await this.fleetctl("list-units --no-legend --fields=unit,active")).trim();
      const names = rows.split("\n").map((row) => row.replace(/\s+/, " "));
      return (
        names.sort().join() ===
        ["plain@1.service active", "plain@2.service active", "witness.service active"].join()
      );
    });
    const before = (await this.#witness.runs()).length;
    await sleep(500);
    assert.equal((await this.#witness.runs()).length, before, "copies come and go");
  }

  pid(machine: string, unit: string): Promise<string> {
    return this.cluster.succeed(machine, `systemctl show --property=MainPID --value ${unit}`);
  }

  signal(machine: string, name: "STOP" | "CONT" | "KILL"): Promise<string> {
    return this.cluster.succeed(
      machine,
      `kill -${name} $(systemctl show --property=MainPID --value fleet.service)`,
    );
  }

  async leader(): Promise<string> {
    const lease = await this.etcdctl("get /_coreos.com/fleet/lease/engine-leader");
    const { MachineID } = JSON.parse(lease) as { MachineID: string };
    return this.cluster.machines.find(({ id }) => id === MachineID)!.name;
  }

  /** A daemon or store that is away for less than the lease touches nothing; on a slow computer it may be for longer. */
  async tell(machine: string, before: string): Promise<string> {
    const isSame = (await this.pid(machine, "witness.service")) === before;
    return isSame ? "no unit was touched" : "longer than the lease: the witness was stopped";
  }

  /** The main processes of the units that ask for nothing, by machine. */
  plainPids(): Promise<string[]> {
    return Promise.all(WORKERS.map((worker) => this.pid(worker, "plain@*.service")));
  }
}

type Blow = (trial: Trial) => Promise<string>;

const BLOWS: Readonly<Record<string, Blow>> = {
  "a power cut of the machine that runs it": async (trial) => {
    const at = await trial.holder();
    await trial.cluster.provider.cutPower(at, SIGNAL);
    const ms = await trial.nextRun();
    assert.equal(await trial.holder(), trial.other(at));
    await trial.cluster.boot(at);
    return `runs elsewhere after ${Math.round(ms)} ms`;
  },
  "a partition of that machine from the store": async (trial) => {
    const at = await trial.holder();
    await trial.cluster.provider.partition(trial.machine(at), trial.machine(STORE));
    const ms = await trial.nextRun();
    assert.equal(await trial.holder(), trial.other(at));
    await trial.cluster.provider.heal(trial.cluster.machines);
    return `runs elsewhere after ${Math.round(ms)} ms`;
  },
  "a partition of that machine from all others": async (trial) => {
    const at = await trial.holder();
    const cut = trial.machine(at);
    await trial.cluster.provider.partition(cut, trial.machine(STORE));
    await trial.cluster.provider.partition(cut, trial.machine(trial.other(at)));
    const ms = await trial.nextRun();
    assert.equal(await trial.holder(), trial.other(at));
    await trial.cluster.provider.heal(trial.cluster.machines);
    return `runs elsewhere after ${Math.round(ms)} ms`;
  },
  "SIGSTOP of the agent that runs it": async (trial) => {
    const at = await trial.holder();
    await trial.signal(at, "STOP");
    const ms = await trial.nextRun();
    assert.equal(await trial.holder(), trial.other(at));
    await trial.signal(at, "CONT");
    return `runs elsewhere after ${Math.round(ms)} ms`;
  },
  "SIGSTOP of the leading engine": async (trial) => {
    const leader = await trial.leader();
    await trial.signal(leader, "STOP");
    const ms = await until("another leads", async () => (await trial.leader()) !== leader);
    await sleep(10_000); // what it held is moved meanwhile
    await trial.signal(leader, "CONT");
    return `another leads after ${Math.round(ms)} ms`;
  },
  "kill -9 of the agent": async (trial) => {
    const at = await trial.holder();
    const before = await trial.plainPids();
    const witnessed = await trial.pid(at, "witness.service");
    await trial.signal(at, "KILL");
    const ms = await until("fleetd runs again", async () => {
      await trial.cluster.succeed(at, "fleetctl list-machines");
      return true;
    });
    await trial.settled();
    assert.deepEqual(await trial.plainPids(), before, "units were touched");
    return `its fleetd answers again after ${Math.round(ms)} ms, ${await trial.tell(at, witnessed)}`;
  },
  "a restart of the store": async (trial) => {
    const before = await trial.plainPids();
    const at = await trial.holder();
    const witnessed = await trial.pid(at, "witness.service");
    await trial.cluster.succeed(STORE, "systemctl restart etcd2.service");
    const ms = await until("the store answers", async () => {
      await trial.etcdctl("ls /");
      return true;
    });
    await trial.settled();
    assert.deepEqual(await trial.plainPids(), before, "units were touched");
    return `it answers again after ${Math.round(ms)} ms, ${await trial.tell(at, witnessed)}`;
  },
  "a store that is away for long": async (trial) => {
    const before = await trial.plainPids();
    const at = await trial.holder();
    await trial.cluster.succeed(STORE, "systemctl stop etcd2.service");
    await sleep(AWAY_MS);
    assert.deepEqual(await trial.plainPids(), before, "a unit that may go on was touched");
    assert.equal(
      await trial.pid(at, "witness.service"),
      "0\n",
      "the unit goes on though its machine has lost the store",
    );
    await trial.cluster.succeed(STORE, "systemctl start etcd2.service");
    const ms = await trial.nextRun();
    await trial.settled();
    assert.deepEqual(await trial.plainPids(), before, "a unit that may go on was touched");
    return `runs again ${Math.round(ms)} ms after the store does, others were not touched`;
  },
};

test("at most one copy runs, whatever happens to its machine, its agent, the engine or the store", async (t) => {
  await using witness = await Witness.open();
  await using cluster = await openContainerCluster({
    count: 3,
    userData: quickstartFor,
    equipment: () => ({ folders: [witness.folder] }),
  });
  await cluster.boot();
  const trial = new Trial(cluster, witness);
  await cluster.succeed(STORE, `cat > /witness.service << 'EOF'\n${WITNESS_UNIT}EOF`);
  await cluster.succeed(STORE, `cat > /plain@.service << 'EOF'\n${PLAIN_UNIT}EOF`);
  await until("three machines", async () => {
    return (await trial.fleetctl("list-machines --no-legend")).trim().split("\n").length === 3;
  });
  await trial.fleetctl("start /witness.service /plain@{1,2}.service");
  await trial.settled();
  for (let round = 1; round <= ROUNDS; round += 1)
    for (const [what, blow] of Object.entries(BLOWS))
      await t.test(`${what}, round ${round}`, async (blown) => {
        blown.diagnostic(await blow(trial));
        await trial.settled();
        assert.deepEqual(await witness.violations(), []);
      });
});
