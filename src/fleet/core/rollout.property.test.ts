import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seededRandom } from "#base/random.ts";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { parallelOf } from "#unitfile/core/update-policy.ts";
import { advanceRollout, type RolloutStep, type Watches } from "./advance-rollout.ts";
import { beginRollout } from "./begin-rollout.ts";
import { ClusterModel } from "./cluster-model.ts";
import { FleetKeys } from "./fleet-keys.ts";
import type { MachineId } from "./machine-id.ts";
import { writeBlob, writeJobObject, writeMachine, writeUnitState } from "./records.ts";
import { rollingText } from "./rolling-text.ts";
import { isActive, isUnderWay, type Rollout, rolloutKey, writeRollout } from "./rollout.ts";
import { sampleMachine } from "./sample-cluster.ts";
import { type Unit, unitOf } from "./unit.ts";

const TEXTS = ["A", "B", "C"] as const;
type Text = (typeof TEXTS)[number];
const hashOf = (text: Text) => String(TEXTS.indexOf(text) + 1).repeat(40);

interface Case {
  readonly seed: number;
  readonly isGlobal: boolean;
  readonly members: number;
  readonly parallel: string;
  readonly order: "stop-first" | "start-first";
  /** Members, by number, that fail with text B. */
  readonly bad: readonly number[];
  /** Given when the rollout to B has come so far in ticks; undefined for never. */
  readonly newerAt: number | undefined;
}

const TEMPLATE = "web@.service" as UnitName;
const GLOBAL = "g.service" as UnitName;
const TICK_MS = 500;
const TICKS_MAX = 6_000;

/** A store, agents and an engine that all may lag, fail and change, in one model. */
class World {
  readonly model = new ClusterModel(new FleetKeys("/fleet"));
  readonly machines: MachineId[];
  readonly #case: Case;
  readonly #random: () => number;
  #index = 0;
  #nowMs = 0;
  #watches: Watches = new Map();

  constructor(given: Case) {
    this.#case = given;
    this.#random = seededRandom(given.seed);
    const names = Array.from({ length: given.isGlobal ? given.members : 3 }, (_, i) => `m${i}`);
    this.machines = names.map(sampleMachine);
    for (const id of this.machines) {
      const record = { id, publicIp: "", metadata: new Map(), version: "" };
      this.set(this.model.keys.machine(id, "object"), writeMachine(record, false));
    }
    for (const text of TEXTS)
      this.set(this.model.keys.blob(hashOf(text)), writeBlob(this.raw(text)));
    for (const [i, unit] of this.units.entries()) {
      this.set(this.model.keys.job(unit, "object"), writeJobObject(unit, hashOf("A")));
      this.set(this.model.keys.job(unit, "target-state"), "launched");
      if (!given.isGlobal) this.set(this.model.keys.job(unit, "target"), this.machines[i % 3]);
    }
    if (!given.isGlobal) {
      this.set(this.model.keys.job(TEMPLATE, "object"), writeJobObject(TEMPLATE, hashOf("A")));
      this.set(this.model.keys.job(TEMPLATE, "target-state"), "inactive");
    }
    for (let i = 0; i < 20; i++) this.agents(1);
  }

  get key(): UnitName {
    return this.#case.isGlobal ? GLOBAL : TEMPLATE;
  }

  get units(): UnitName[] {
    if (this.#case.isGlobal) return [GLOBAL];
    return Array.from({ length: this.#case.members }, (_, i) => `web@${i}.service` as UnitName);
  }

  get rollout(): Rollout | undefined {
    return this.model.notes.rollouts.get(this.key)?.value;
  }

  raw(text: Text): string {
    const { isGlobal, parallel, order } = this.#case;
    const place = isGlobal ? "Global=yes" : `UpdateOrder=${order}`;
    return `[Unit]\nDescription=${text}\n[Service]\nTimeoutSec=5\n[X-Fleet]\n${place}\nUpdateParallel=${parallel}\nUpdateMonitor=3s\n`;
  }

  set(key: string, value: string | undefined): void {
    this.#index += 1;
    const after = value === undefined ? undefined : { value, modifiedIndex: this.#index };
    this.model.apply({ key, after, by: { key, action: after ? "set" : "delete" } });
  }

  give(text: Text): void {
    const unit = unitOf(this.key, hashOf(text), this.raw(text)) as Unit;
    const begun = beginRollout(this.model, unit, { by: "me", at: "" });
    assert.equal(begun?.key, this.key);
    this.set(this.model.keys.note("rollouts", this.key), writeRollout(begun!.rollout));
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  /** Each does a part of what it is to do, or nothing yet. */
  agents(share: number): void {
    for (const machine of this.machines)
      for (const unit of this.units) if (this.chance(share)) this.#agent(unit, machine);
  }

  #agent(name: UnitName, machine: MachineId): void {
    const job = this.model.jobs.get(name)!;
    const text = rollingText(this.model, machine, job.unit!);
    const key = this.model.keys.state(name, machine);
    const state = this.model.states.get(name)?.get(machine);
    const isWanted = this.#case.isGlobal || text.isHeld || job.target?.value === machine;
    if (!isWanted) {
      if (state !== undefined) this.set(key, undefined);
      return;
    }
    const hash = text.unit!.hash;
    const set = (activeState: string) =>
      this.set(
        key,
        writeUnitState({ loadState: "loaded", activeState, subState: "x", machine, hash }),
      );
    if (state?.hash !== hash) set("activating");
    else if (state.activeState === "activating")
      set(this.#isBad(name, machine, hash) ? "failed" : "active");
  }

  #isBad(unit: UnitName, machine: MachineId, hash: string): boolean {
    const number = this.#case.isGlobal ? this.machines.indexOf(machine) : this.units.indexOf(unit);
    return hash === hashOf("B") && this.#case.bad.includes(number);
  }

  /** One look of the engine, which may change, and whose writes may be lost. */
  engine(): void {
    this.#nowMs += TICK_MS;
    if (this.chance(0.02)) this.#watches = new Map();
    const { rollout } = this;
    if (rollout === undefined) return;
    const moment = { nowMs: this.#nowMs, at: "now" };
    const advance = advanceRollout(this.model, this.key, rollout, this.#watches, moment);
    this.#watches = advance.watches;
    if (advance.next !== rollout) {
      if (this.chance(0.8))
        this.set(this.model.keys.note("rollouts", this.key), writeRollout(advance.next));
    } else for (const step of advance.steps) if (this.chance(0.8)) this.#take(step);
  }

  #take(step: RolloutStep): void {
    if (step.kind === "move") this.set(this.model.keys.job(step.unit, "target"), step.to);
    else this.set(this.model.keys.job(step.unit, "object"), writeJobObject(step.unit, step.to));
  }

  /** Members that nobody has active now. */
  down(): number {
    const isUp = (unit: UnitName, machine: MachineId) =>
      this.model.states.get(unit)?.get(machine)?.activeState === "active";
    if (this.#case.isGlobal) return this.machines.filter((m) => !isUp(GLOBAL, m)).length;
    return this.units.filter((unit) => !this.machines.some((m) => isUp(unit, m))).length;
  }

  /** The texts that are in force, and those that run. */
  texts(): Set<string | undefined> {
    const jobs = [...this.units, this.key].map((unit) => this.model.jobs.get(unit)?.hash);
    const states = [...this.model.states.values()].flatMap((of) => [...of.values()]);
    return new Set([...jobs, ...states.map(({ hash }) => hash)]);
  }
}

const anyCase = fc.record({
  seed: fc.nat(),
  isGlobal: fc.boolean(),
  members: fc.integer({ min: 1, max: 6 }),
  parallel: fc.constantFrom("1", "2", "50%", "100%"),
  order: fc.constantFrom("stop-first" as const, "start-first" as const),
  bad: fc.oneof(
    fc.constant<number[]>([]),
    fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
  ),
  newerAt: fc.option(fc.integer({ min: 1, max: 60 }), { nil: undefined }),
});

/** Runs a case to the end; gives the world then. */
function runCase(given: Case): World {
  const world = new World(given);
  world.give("B");
  const most = parallelOf(world.rollout!.policy, given.members);
  let atMost = most;
  for (let tick = 0; isActive(world.rollout) || tick <= (given.newerAt ?? 0); tick++) {
    assert.ok(tick < TICKS_MAX, `no end: ${JSON.stringify(world.rollout)}`);
    if (tick === given.newerAt) {
      world.give("C");
      // Those that are down for the text before are not up at once.
      atMost = most * 2;
    }
    world.engine();
    world.agents(0.4);
    const underWay = world.rollout!.members.filter(isUnderWay).length;
    assert.ok(underWay <= most, `${underWay} under way`);
    assert.ok(world.down() <= atMost, `${world.down()} of ${most} down`);
  }
  for (let i = 0; i < 20; i++) world.agents(1);
  return world;
}

test("a rollout is done or returned, whoever leads and whatever write is lost, with no more down than it says", () => {
  fc.assert(
    fc.property(anyCase, (given) => {
      const world = runCase(given);
      const { state } = world.rollout!;
      const isBad = given.bad.some((number) => number < given.members);
      if (given.newerAt === undefined) assert.equal(state, isBad ? "returned" : "done");
      const texts = [...world.texts()];
      const expected = state === "returned" ? hashOf("A") : world.rollout!.to;
      // What a newer text goes back to is what was last seen healthy, so it may be B here and there.
      if (given.newerAt === undefined || state === "done")
        assert.deepEqual(texts, [expected], JSON.stringify(world.rollout));
      assert.equal(world.down(), 0);
    }),
    { numRuns: 300 },
  );
});

test("rolloutKey() puts instances under their template", () => {
  assert.equal(rolloutKey("web@1.service" as UnitName), TEMPLATE);
  assert.equal(rolloutKey(GLOBAL), GLOBAL);
});
