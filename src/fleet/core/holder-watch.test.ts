import assert from "node:assert/strict";
import { test } from "node:test";
import { type FoundHolder, HolderWatch } from "./holder-watch.ts";
import { writeIncarnation, writeMachine } from "./records.ts";
import { sampleMachine } from "./sample-cluster.ts";

const TTL_MS = 6_000;
const RECORD = { id: sampleMachine("a"), publicIp: "10.0.0.1", metadata: new Map(), version: "" };
const MINE = { instance: "boot 2", address: "10.0.0.1" };

const watch = () => new HolderWatch(RECORD, MINE, TTL_MS);

/** What is on record: who, where, and at which index it was renewed last. */
function found(who: string | undefined, address = "10.0.0.1", index = 5): FoundHolder {
  const record = { ...RECORD, publicIp: address };
  return {
    object: { value: writeMachine(record, false), index },
    incarnation: who === undefined ? undefined : writeIncarnation({ instance: who, address }),
  };
}

const FREE = { kind: "free", isNewBoot: false };
const NEW_BOOT = { kind: "free", isNewBoot: true };
const WAIT = { kind: "wait" };
const taken = (address: string) => ({ kind: "taken", address });

const CASES: readonly {
  readonly name: string;
  /** What is found when, in milliseconds, and the verdict. */
  readonly looks: readonly (readonly [number, FoundHolder, object])[];
}[] = [
  {
    name: "takes over what this boot left, at once",
    looks: [[0, found("boot 2"), FREE]],
  },
  {
    name: "knows that another boot was here when its record has run out",
    looks: [[0, { ...found("boot 1"), object: undefined }, NEW_BOOT]],
  },
  {
    name: "takes over what another boot left, once nobody has renewed it for half its time to live",
    looks: [
      [0, found("boot 1"), WAIT],
      [2_999, found("boot 1"), WAIT],
      [3_000, found("boot 1"), NEW_BOOT],
    ],
  },
  {
    name: "leaves the record to a copy at the same address that renews it, and tries again",
    looks: [
      [0, found("boot 1"), WAIT],
      [2_000, found("boot 1", "10.0.0.1", 9), taken("10.0.0.1")],
      [3_000, found("boot 1", "10.0.0.1", 9), WAIT],
      [4_900, found("boot 1", "10.0.0.1", 9), WAIT],
      [5_000, found("boot 1", "10.0.0.1", 9), NEW_BOOT],
    ],
  },
  {
    name: "leaves the record to a machine at another address",
    looks: [[0, found("boot 9", "10.0.0.9"), taken("10.0.0.9")]],
  },
  {
    name: "leaves the record to a machine that does not know its address",
    looks: [[0, found("boot 9", ""), taken("an unknown address")]],
  },
  {
    name: "takes over from the original's daemon at the same address, and not at another",
    looks: [
      [0, found(undefined), FREE],
      [0, found(undefined, "10.0.0.9"), taken("10.0.0.9")],
    ],
  },
  {
    name: "takes over what nobody can read",
    looks: [[0, { object: { value: "?", index: 1 }, incarnation: "?" }, FREE]],
  },
];

for (const { name, looks } of CASES)
  test(`HolderWatch ${name}`, () => {
    const holder = watch();
    for (const [nowMs, what, verdict] of looks)
      assert.deepEqual(holder.judge(what, nowMs), verdict, `at ${nowMs} ms`);
  });
