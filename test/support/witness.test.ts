// The witness of units that must not run twice sees them when they do: here two processes of it are made to.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Run, Witness } from "./witness.ts";

const LIMIT_MS = 20_000;

class Copies {
  readonly witness: Witness;
  readonly #all: ChildProcess[] = [];

  private constructor(witness: Witness) {
    this.witness = witness;
  }

  static async open(t: TestContext): Promise<Copies> {
    const witness = await Witness.open();
    const copies = new Copies(witness);
    t.after(async () => {
      for (const copy of copies.#all) await copies.stop(copy);
      await witness[Symbol.asyncDispose]();
    });
    return copies;
  }

  /** What the unit does on a machine of that name, with that token. */
  start(machine: string, token: number): ChildProcess {
    const script = join(this.witness.folder.host, "witness.sh");
    const copy = spawn("bash", [script, machine], {
      env: { PATH: process.env["PATH"], FLEET_FENCING_TOKEN: String(token) },
      stdio: "ignore",
    });
    this.#all.push(copy);
    return copy;
  }

  async stop(copy: ChildProcess): Promise<void> {
    if (copy.exitCode !== null || copy.signalCode !== null) return;
    const ended = once(copy, "exit");
    copy.kill("SIGKILL");
    await ended;
  }

  /** Until what was written by now is as `holds` says. */
  async until(what: string, holds: (runs: readonly Run[]) => boolean): Promise<void> {
    const startMs = performance.now();
    while (!holds(await this.witness.runs())) {
      assert.ok(performance.now() - startMs < LIMIT_MS, `not within ${LIMIT_MS} ms: ${what}`);
      await sleep(20);
    }
  }

  /** Until the copy on that machine has written twice. */
  wrote(machine: string): Promise<void> {
    return this.until(`${machine} writes`, (runs) =>
      runs.some((run) => run.machine === machine && run.lastNs > run.firstNs),
    );
  }
}

test("one copy after the other, each with a greater token, is no violation", async (t) => {
  const copies = await Copies.open(t);
  for (const [machine, token] of [
    ["a", 7],
    ["b", 9],
    ["a", 12],
  ] as const) {
    const copy = copies.start(machine, token);
    await copies.until("it writes", (runs) => runs.some((run) => run.token === BigInt(token)));
    await copies.stop(copy);
  }
  assert.deepEqual(await copies.witness.violations(), []);
  assert.deepEqual(
    (await copies.witness.runs()).map(({ machine, token }) => `${machine} ${token}`),
    ["a 7", "b 9", "a 12"],
  );
});

test("a copy that begins while another runs is found by the lock of that", async (t) => {
  const copies = await Copies.open(t);
  copies.start("a", 7);
  await copies.wrote("a");
  const [status] = (await once(copies.start("b", 8), "exit")) as [number];
  assert.equal(status, 1);
  const [violation, ...more] = await copies.witness.violations();
  assert.match(violation ?? "", /^the lock was held: \d+ 8 b$/);
  assert.deepEqual(more, []);
});

test("copies that do not see each other's lock are found by what both write", async (t) => {
  const copies = await Copies.open(t);
  copies.start("a", 7);
  await copies.wrote("a");
  await rm(join(copies.witness.folder.host, "lock"));
  copies.start("b", 8);
  await copies.wrote("b");
  const before = (await copies.witness.runs())[0]!.lastNs;
  await copies.until("a writes again", ([a]) => a!.lastNs > before);
  const [violation] = await copies.witness.violations();
  assert.match(violation ?? "", /^a with token 7 and b with token 8 ran together for [\d.]+ ms$/);
});

for (const token of [7, 6])
  test(`a copy with token ${token} after one with 7 is found`, async (t) => {
    const copies = await Copies.open(t);
    const first = copies.start("a", 7);
    await copies.wrote("a");
    await copies.stop(first);
    copies.start("b", token);
    await copies.wrote("b");
    assert.deepEqual(await copies.witness.violations(), [
      `b with token ${token} came after a with token 7`,
    ]);
  });
