import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import { ClusterModel } from "./cluster-model.ts";
import { FleetKeys } from "./fleet-keys.ts";
import { writeBlob, writeJobObject, writeMachine } from "./records.ts";
import { sampleMachine } from "./sample-cluster.ts";

const keys = new FleetKeys("/_coreos.com/fleet/");
const foo = "foo.service" as UnitName;
const HASH = "5a27163850df791bce0280edef5ce122aa091be2";
const a = sampleMachine("a");

function put(model: ClusterModel, key: string, value: string | undefined, index = 1): void {
  const after = value === undefined ? undefined : { value, modifiedIndex: index };
  model.apply({ key, after, by: undefined });
}

test("ClusterModel reads what the original wrote", () => {
  const model = new ClusterModel(keys);
  put(
    model,
    "/_coreos.com/fleet/machines/11111111000000000000000000f1ee71/object",
    '{"ID":"11111111000000000000000000f1ee71","PublicIP":"172.31.7.11","Metadata":{"az":"a","region":"lab","role":"node1"},"Capabilities":{"DISABLE_ENGINE":false,"GRPC":false},"Version":"0.0.0+wasnotbuiltproperly"}',
  );
  put(
    model,
    "/_coreos.com/fleet/unit/5a27163850df791bce0280edef5ce122aa091be2",
    '{"Raw":"[Unit]\\nDescription=Foo sleeper\\n\\n[Service]\\nExecStart=/bin/sleep infinity\\n"}',
  );
  put(
    model,
    "/_coreos.com/fleet/job/foo.service/object",
    '{"Name":"foo.service","UnitHash":[90,39,22,56,80,223,121,27,206,2,128,237,239,92,225,34,170,9,27,226]}',
  );
  put(model, "/_coreos.com/fleet/job/foo.service/target-state", "launched");
  put(model, "/_coreos.com/fleet/job/foo.service/target", "11111111000000000000000000f1ee71", 184);
  put(model, "/_coreos.com/fleet/job/foo.service/job-state", "11111111000000000000000000f1ee71");
  put(
    model,
    "/_coreos.com/fleet/states/foo.service/11111111000000000000000000f1ee71",
    '{"loadState":"loaded","activeState":"active","subState":"running","machineState":{"ID":"11111111000000000000000000f1ee71","PublicIP":"","Metadata":null,"Capabilities":null,"Version":""},"unitHash":"5a27163850df791bce0280edef5ce122aa091be2"}',
  );
  put(
    model,
    "/_coreos.com/fleet/lease/engine-leader",
    '{"MachineID":"11111111000000000000000000f1ee71","Version":1}',
    279,
  );
  put(model, "/_coreos.com/fleet/engine/version", "1");
  const job = model.jobs.get(foo)!;
  assert.equal(job.unit?.hash, HASH);
  assert.deepEqual(job.target, { value: "11111111000000000000000000f1ee71", index: 184 });
  assert.equal(job.desired, "launched");
  const [machine] = model.machines.values();
  assert.deepEqual([machine?.publicIp, machine?.metadata.get("role")], ["172.31.7.11", "node1"]);
  assert.equal(model.states.get(foo)?.get(machine!.id)?.activeState, "active");
  assert.deepEqual(model.lease, { value: "11111111000000000000000000f1ee71", index: 279 });
  assert.equal(model.problems.size, 0);
  assert.equal(
    writeJobObject("foo.service", HASH),
    '{"Name":"foo.service","UnitHash":[90,39,22,56,80,223,121,27,206,2,128,237,239,92,225,34,170,9,27,226]}',
  );
  assert.equal(
    writeMachine({ ...machine!, version: "0.0.0+wasnotbuiltproperly" }, false),
    '{"ID":"11111111000000000000000000f1ee71","PublicIP":"172.31.7.11","Metadata":{"az":"a","region":"lab","role":"node1"},"Capabilities":{"DISABLE_ENGINE":false,"GRPC":false},"Version":"0.0.0+wasnotbuiltproperly"}',
  );
});

test("ClusterModel says how a machine's record went, and whether it was meant", () => {
  const object = keys.machine(a, "object");
  const gone = (by: { key: string; action: string } | undefined) => {
    const model = new ClusterModel(keys);
    put(
      model,
      object,
      writeMachine({ id: a, publicIp: "", metadata: new Map(), version: "" }, false),
    );
    const effect = model.apply({ key: object, after: undefined, by });
    return effect.kind === "machine" ? effect.gone : undefined;
  };
  assert.equal(gone({ key: object, action: "delete" }), "deleted");
  assert.equal(gone({ key: object, action: "expire" }), "expired");
  assert.equal(gone({ key: keys.prefix, action: "delete" }), "missing");
  assert.equal(gone(undefined), "missing");
});

/** A value for each kind of key, and some that are none. */
const anyEntry = fc.oneof(
  ...["a", "b"].flatMap((short) => {
    const id = sampleMachine(short);
    const record = { id, publicIp: short, metadata: new Map(), version: "" };
    return [
      fc.tuple(
        fc.constant(keys.machine(id, "object")),
        fc.constantFrom(writeMachine(record, false), "?"),
      ),
      fc.tuple(fc.constant(keys.metadata(id, "k")), fc.constantFrom("v", "w")),
    ];
  }),
  ...["x.service", "y.service", "t@.service"].flatMap((name) => {
    const unit = name as UnitName;
    const hashes = ["1".repeat(40), "2".repeat(40)];
    return [
      fc.tuple(
        fc.constant(keys.job(unit, "object")),
        fc.constantFrom("{", ...hashes.map((h) => writeJobObject(name, h))),
      ),
      fc.tuple(fc.constant(keys.job(unit, "target")), fc.constantFrom("?", a, sampleMachine("b"))),
      fc.tuple(fc.constant(keys.job(unit, "target-state")), fc.constantFrom("launched", "bogus")),
      fc.tuple(
        fc.constantFrom(...hashes.map((h) => keys.blob(h))),
        fc.constantFrom(
          "7",
          writeBlob("[X-Fleet]\nGlobal=true\n"),
          writeBlob("[X-Fleet]\nMachineOf=y.service\n"),
        ),
      ),
      fc.tuple(
        fc.constant(keys.state(unit, a)),
        fc.constantFrom("[]", '{"loadState":"","activeState":"","subState":""}'),
      ),
      fc.tuple(fc.constant(keys.removed(unit)), fc.constant(hashes[0]!)),
    ];
  }),
);

test("ClusterModel kept up change by change equals one made of what is there at the end", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyEntry, fc.boolean())), (changes) => {
      const kept = new ClusterModel(keys);
      const there = new Map<string, string>();
      for (const [[key, value], isSet] of changes) {
        put(kept, key, isSet ? value : undefined);
        if (isSet) there.set(key, value);
        else there.delete(key);
      }
      const fresh = new ClusterModel(keys);
      for (const [key, value] of there) put(fresh, key, value);
      assert.deepEqual(contentOf(kept), contentOf(fresh));
    }),
    { numRuns: 1000 },
  );
});

test("FleetKeys.parse() never throws and knows only its own keys", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      keys.parse(text);
      keys.parse(`${keys.prefix}/${text}`);
      assert.equal(keys.parse(`/elsewhere${text}`).kind, "unknown");
    }),
  );
});

function contentOf(model: ClusterModel): unknown {
  const sorted = <K, V>(map: Iterable<[K, V]>) => [...map].sort(([x], [y]) => (x < y ? -1 : 1));
  return {
    machines: sorted(model.machines),
    jobs: sorted(model.jobs),
    states: sorted(model.states),
    removed: sorted(model.removed),
    globals: [...model.globals].sort(),
    placed: [...model.holders].sort().map((id) => [id, [...model.placedOn(id)].sort()]),
    followers: [...model.followers("y.service" as UnitName)].sort(),
    problems: sorted(model.problems),
  };
}

test("a machine's record that says another id is none", () => {
  const model = new ClusterModel(keys);
  const record = { id: a, publicIp: "", metadata: new Map(), version: "" };
  const key = keys.machine(sampleMachine("b"), "object");
  put(model, key, writeMachine(record, false));
  assert.equal(model.machines.size, 0);
  assert.equal(model.problems.get(key), `it is of machine ${a}`);
});

test("ClusterModel forgets a machine of which the store holds nothing any more", () => {
  const mark = '{"by":"alice","at":"2026-11-22T00:00:00Z","why":""}';
  const parts = new Map([
    [
      keys.machine(a, "object"),
      writeMachine({ id: a, publicIp: "", metadata: new Map(), version: "1" }, false),
    ],
    [keys.machine(a, "api"), "http://192.0.2.7:49153"],
    [keys.machine(a, "incarnation"), '{"instance":"1","address":"a"}'],
    [keys.machine(a, "facts"), '{"memoryBytes":1,"millicores":1000}'],
    [keys.machine(a, "leaving"), "true"],
    [keys.machine(a, "cordoned"), mark],
    [keys.machine(a, "draining"), mark],
    [keys.machine(a, "removed"), mark],
    [keys.machine(a, "held"), mark],
    [keys.metadata(a, "disk"), "ssd"],
  ]);
  const model = new ClusterModel(keys);
  for (const [key, value] of parts) {
    put(model, key, value);
    assert.deepEqual([...model.knownMachines], [a], key);
    put(model, key, undefined);
    assert.deepEqual([...model.knownMachines], [], key);
  }
  for (const [key, value] of parts) put(model, key, value);
  assert.deepEqual([...model.problems], []);
  for (const key of [...parts.keys()].slice(1)) put(model, key, undefined);
  assert.deepEqual([[...model.knownMachines], model.machines.size], [[a], 1]);
  put(model, keys.machine(a, "object"), undefined);
  assert.deepEqual([[...model.knownMachines], model.machines.size], [[], 0]);
});
