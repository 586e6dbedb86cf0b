import assert from "node:assert/strict";
import { test } from "node:test";
import { signal, startNodes } from "./api-nodes.ts";
import { httpProbe } from "./machine-probe.ts";

test("a fleetd says over its API that it is alive, also while it cannot reach the store", async (t) => {
  const [a, b] = await startNodes(t, "a", "b");
  const [machine, other] = [a!.machine.machine.id, b!.machine.machine.id];
  const itself = { machine, who: "itself" } as const;
  assert.deepEqual(await httpProbe.ask(a!.url, itself, signal), {
    alive: true,
    instance: "a",
    trouble: "",
  });
  assert.deepEqual(await httpProbe.ask(b!.url, itself, signal), {
    alive: false,
    reason: `this is machine ${other}`,
  });
  const behalf = { machine, who: "behalf" } as const;
  await waitFor(async () => (await httpProbe.ask(b!.url, behalf, signal)).alive);
  a!.link.cut();
  await waitFor(async () => {
    const word = await httpProbe.ask(b!.url, behalf, signal);
    return word.alive && /^stale since \d+ s: /.test(word.trouble);
  });
});

test("what is no fleetd, or not there, is no answer", async (t) => {
  const [a] = await startNodes(t, "a");
  const question = { machine: a!.machine.machine.id, who: "itself" } as const;
  const unreachable = { code: "FLEET_UNREACHABLE" };
  await assert.rejects(httpProbe.ask("http://127.0.0.1:1", question, signal), unreachable);
  await assert.rejects(httpProbe.ask("nonsense", question, signal), unreachable);
  const answer = await fetch(`${a!.url}/fleet/v1/machines/nobody/alive`);
  assert.equal(answer.status, 400);
});

async function waitFor(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
