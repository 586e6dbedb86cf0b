import assert from "node:assert/strict";
import { test } from "node:test";
import { type Random, seededRandom } from "#base/random.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";

const RUNS = Number(process.env["KEELSON_SIMULATIONS"] ?? 8);
const FIRST_SEED = Number(process.env["KEELSON_SEED"] ?? 1);
const MACHINES = ["a", "b", "c", "d"];
const UNITS = ["u1.service", "u2.service", "u3.service", "u4.service", "u5.service"];
const FLEET: Readonly<Record<string, readonly string[]>> = {
  "u2.service": ["Conflicts=u1.service"],
  "u3.service": ["MachineOf=u1.service"],
  "u5.service": ["Global=true"],
};
const STEPS = 25;
/** Longer than many machines lost together are held, and everything after that. */
const SETTLE_MS = 150_000;

/** One run: random events, then quiet; what should run has to run, where it should and nowhere else. */
class Run {
  readonly cluster: SimulatedCluster;
  readonly #random: Random;
  readonly #submitted = new Set<string>();
  readonly #down = new Set<string>();
  readonly #cut = new Set<string>();
  readonly history: string[] = [];

  constructor(seed: number) {
    this.cluster = new SimulatedCluster(seed);
    this.#random = seededRandom(seed + 1_000_000);
    for (const name of MACHINES) this.cluster.add(name);
  }

  async play(): Promise<void> {
    await this.cluster.pass(3_000);
    for (let i = 0; i < STEPS; i++) {
      await this.#act();
      await this.cluster.pass(Math.floor(this.#random() * 8_000));
    }
    for (const name of this.#down) this.cluster.boot(name);
    for (const name of this.#cut) this.cluster.machine(name).link.mend();
    await this.cluster.pass(SETTLE_MS);
  }

  async #act(): Promise<void> {
    const machine = MACHINES[Math.floor(this.#random() * MACHINES.length)]!;
    const unit = UNITS[Math.floor(this.#random() * UNITS.length)]!;
    const acts = ["submit", "submit", "destroy", "crash", "boot", "cut", "mend", "restart", "drop"];
    const act = acts[Math.floor(this.#random() * acts.length)]!;
    this.history.push(`${this.cluster.clock.monotonicMs()} ${act} ${machine} ${unit}`);
    switch (act) {
      case "submit":
        if (!this.#submitted.has(unit))
          await this.cluster.submit(unit, { fleet: FLEET[unit] ?? [] });
        this.#submitted.add(unit);
        return;
      case "destroy":
        if (this.#submitted.delete(unit)) await this.cluster.destroy(unit, FLEET[unit]);
        return;
      case "crash":
        if (!this.#down.has(machine)) await this.cluster.crash(machine);
        this.#down.add(machine);
        this.#cut.delete(machine);
        return;
      case "boot":
        if (this.#down.delete(machine)) this.cluster.boot(machine);
        return;
      case "cut":
        if (this.#down.has(machine)) return;
        this.cluster.machine(machine).link.cut();
        this.#cut.add(machine);
        return;
      case "mend":
        if (this.#cut.delete(machine)) this.cluster.machine(machine).link.mend();
        return;
      case "restart":
        if (this.#down.has(machine)) return;
        await this.cluster.stopDaemon(machine);
        this.cluster.startDaemon(machine);
        return;
      default:
        this.cluster.machine(machine).systemd.dropConnections();
    }
  }

  check(): void {
    const { cluster } = this;
    const daemons = MACHINES.map((name) => cluster.machine(name).daemon!);
    assert.equal(daemons.filter(({ leads }) => leads).length, 1, "one engine leads");
    const { model } = daemons[0]!.feed;
    assert.equal(model.machines.size, MACHINES.length, "all machines are on record");
    for (const unit of UNITS) {
      const where = cluster.where(unit);
      const wanted = this.#submitted.has(unit);
      if (!wanted) assert.deepEqual(where, [], `${unit} was destroyed`);
      else if (unit === "u5.service") assert.deepEqual(where, MACHINES, `${unit} runs everywhere`);
      else if (unit === "u3.service")
        assert.deepEqual(where, cluster.where("u1.service"), `${unit} is beside u1`);
      else assert.equal(where.length, 1, `${unit} runs once`);
      for (const name of where) {
        const { id } = cluster.machine(name);
        const state = model.states.get(unit as UnitName)?.get(id);
        assert.equal(state?.activeState, "active", `${unit} is reported from ${name}`);
      }
      assert.equal(
        model.states.get(unit as UnitName)?.size ?? 0,
        where.length,
        `${unit} is reported once`,
      );
    }
    const [first] = cluster.where("u1.service");
    if (first !== undefined)
      assert.notDeepEqual(cluster.where("u2.service"), [first], "u1 and u2 are apart");
  }
}

test("whatever happens to machines, links and daemons, the cluster ends as it should be", async (t) => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
    const run = new Run(seed);
    try {
      await run.play();
      run.check();
    } catch (error) {
      t.diagnostic(`KEELSON_SEED=${seed} KEELSON_SIMULATIONS=1\n${run.history.join("\n")}`);
      throw error;
    } finally {
      await run.cluster[Symbol.asyncDispose]();
    }
  }
});
