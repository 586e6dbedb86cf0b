import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openFleet } from "#test/fleetctl-fleet.ts";
import { runFleetctl } from "#test/fleetctl-run.ts";

interface Bench {
  readonly run: (line: string) => ReturnType<typeof runFleetctl>;
  readonly write: (name: string, version: string, options?: Text) => Promise<void>;
}

interface Text {
  readonly command?: string;
  readonly fleet?: readonly string[];
}

const UPDATE = ["UpdateParallel=2", "UpdateMonitor=200ms"];

/** A fleet of three machines, and a directory for unit files. */
async function bench(t: TestContext): Promise<Bench> {
  const directory = await mkdtemp(join(tmpdir(), "keelson-rollout-"));
  t.after(() => rm(directory, { recursive: true }));
  const machines = ["a", "b", "c"].map((digit, i) => ({
    id: digit.repeat(32),
    primaryIP: `10.0.0.${i + 1}`,
    metadata: {},
  }));
  const fleet = await openFleet(directory, machines);
  t.after(() => fleet[Symbol.asyncDispose]());
  const env = { FLEETCTL_ENDPOINT: fleet.endpoint, USER: "alice" };
  return {
    run: (line) => runFleetctl(line.split(" "), { cwd: directory, env }),
    write: async (name, version, { command = "/bin/sleep infinity", fleet: lines = UPDATE } = {}) =>
      writeFile(
        join(directory, name),
        `[Unit]\nDescription=${version}\n[Service]\nExecStart=${command}\n[X-Fleet]\n${lines.join("\n")}\n`,
      ),
  };
}

async function startFive({ run, write }: Bench): Promise<void> {
  await write("web@.service", "one");
  assert.equal((await run("submit web@.service")).exit, 0);
  const { exit, stderr } = await run("start web@{1..5}.service");
  assert.equal(exit, 0, stderr);
}

test("submit --replace of a template rolls its instances, says how far it is, and revert takes it back", async (t) => {
  const on = await bench(t);
  const { run, write } = on;
  await startFive(on);
  await write("web@.service", "two");
  const planned = await run("plan --as=submit --replace web@.service");
  assert.match(
    planned.stdout,
    /Rollout of web@\.service: 5 members, 2 at a time, stop-first, each watched for 0\.2 s: web@1\.service .*web@5\.service\n$/,
  );
  const rolled = await run("submit --replace web@.service");
  assert.equal(rolled.exit, 0, rolled.stderr);
  const lines = rolled.stdout.trim().split("\n");
  assert.deepEqual(lines.slice(0, 2), [
    "Unit web@.service inactive",
    "Rollout of web@.service began: 5 members, 2 at a time, stop-first, each watched for 0.2 s",
  ]);
  assert.equal(lines.at(-1), "Rollout of web@.service done");
  for (const i of [1, 2, 3, 4, 5])
    assert.ok(lines.includes(`Unit web@${i}.service healthy`), rolled.stdout);
  const texts = await run("list-unit-files --no-legend --fields=desc");
  assert.equal(texts.stdout, "two\n".repeat(6));

  const history = await run("history --no-legend web@.service");
  assert.match(
    history.stdout,
    /^1\t[0-9a-f]{7}\t-\t\S+Z\talice.*\tsubmitted\n2\t[0-9a-f]{7}\tcurrent\t\S+Z\talice.*\treplaced\n$/,
  );
  const json = JSON.parse((await run("history --json web@3")).stdout) as { why: string }[];
  assert.deepEqual(
    json.map(({ why }) => why),
    ["submitted", "updating by the rollout of web@.service"],
  );

  const reverted = await run("revert web@.service");
  assert.equal(reverted.exit, 0, reverted.stderr);
  assert.match(reverted.stdout, /^Unit web@\.service given version 1 \([0-9a-f]{7}\) again\n/);
  const back = await run("list-unit-files --no-legend --fields=desc");
  assert.equal(back.stdout, "one\n".repeat(6));
  assert.match(
    (await run("history --no-legend web@.service")).stdout,
    /3\t.*\treverted to version 1\n$/,
  );
});

test("start --replace of a text that fails goes back, says why, and exits with 1", async (t) => {
  const on = await bench(t);
  const { run, write } = on;
  await startFive(on);
  await write("web@.service", "bad", { command: "/bin/false" });
  const rolled = await run("start --replace web@{1..5}.service");
  assert.equal(rolled.exit, 1);
  assert.match(
    rolled.stderr,
    /Error updating web@\.service: everything went back: web@\d\.service is failed/,
  );
  assert.doesNotMatch(rolled.stdout, /healthy/);
  const texts = await run("list-unit-files --no-legend --fields=desc,state web@?.service");
  assert.equal(texts.stdout, "one\tlaunched\n".repeat(5));
  // Who reverts now does not mean the text that failed.
  const again = await run("revert web@1.service");
  assert.equal(again.exit, 1);
  assert.match(
    again.stderr,
    /no earlier version on record, but for version 2, which went back; --to=2 gives it that again\n$/,
  );
  const plain = await run("revert --to=9 web@1.service");
  assert.equal(plain.exit, 1);
  assert.match(plain.stderr, /unit web@1.service has no version 9 on record; it has 1/);
});

test("a global unit rolls over its machines; a unit without update keys is replaced at once", async (t) => {
  const { run, write } = await bench(t);
  await write("g.service", "one", { fleet: ["Global=yes", ...UPDATE] });
  assert.equal((await run("start g.service")).exit, 0);
  assert.equal((await run("wait --for=active --timeout=20s g.service")).exit, 0);
  await write("g.service", "two", { fleet: ["Global=yes", ...UPDATE] });
  const rolled = await run("start --replace g.service");
  assert.equal(rolled.exit, 0, rolled.stderr);
  assert.match(rolled.stdout, /Unit g\.service healthy on aaaaaaaa\.\.\.\/10\.0\.0\.1\n/);
  assert.match(rolled.stdout, /Rollout of g\.service done/);

  await write("x.service", "one", { fleet: [] });
  assert.equal((await run("start x.service")).exit, 0);
  await write("x.service", "two", { fleet: [] });
  const replaced = await run("start --replace x.service");
  assert.equal(replaced.exit, 0, replaced.stderr);
  assert.doesNotMatch(replaced.stdout, /Rollout/);
  assert.equal((await run("history --no-legend x.service")).stdout.trim().split("\n").length, 2);
});

test("status says which instances run an older text than their template", async (t) => {
  const on = await bench(t);
  const { run, write } = on;
  await startFive(on);
  await write("web@.service", "two", { fleet: ["MaxPerMachine=5"] });
  assert.equal((await run("submit --replace web@.service")).exit, 0);
  assert.equal((await run("start --replace web@2.service")).exit, 0);
  const all = await run("status web@.service");
  assert.match(
    all.stderr,
    /4 of 5 instances run an older text of web@\.service: web@1\.service web@3\.service /,
  );
  const one = await run("status web@3.service");
  assert.deepEqual(
    [one.exit, one.stderr],
    [0, "Unit web@3.service runs an older text of web@.service than that has now\n"],
  );
  assert.equal((await run("status web@2.service")).stderr, "");
});

test("revert of what is on its way takes it back", async (t) => {
  const on = await bench(t);
  const { run, write } = on;
  await startFive(on);
  await write("web@.service", "two", { fleet: ["UpdateMonitor=1h"] });
  const begun = await run("submit --replace --no-block web@.service");
  assert.deepEqual([begun.exit, begun.stdout], [0, "Unit web@.service inactive\n"]);
  const reverted = await run("revert web@.service");
  assert.equal(reverted.exit, 0, reverted.stderr);
  assert.match(reverted.stdout, /^Rollout of web@\.service taken back\n/);
  assert.match(reverted.stdout, /Rollout of web@\.service returned\n$/);
  const texts = await run("list-unit-files --no-legend --fields=desc");
  assert.equal(texts.stdout, "one\n".repeat(6));
});

test("history and revert of what is not there say so", async (t) => {
  const { run, write } = await bench(t);
  for (const command of ["history", "revert"]) {
    const { exit, stderr } = await run(`${command} zz.service`);
    assert.equal(exit, 1);
    assert.match(stderr, /zz\.service/);
  }
  await write("x.service", "one");
  await run("submit x.service");
  assert.match((await run("revert x.service")).stderr, /has no earlier version on record/);
  assert.match(
    (await run("revert --to=first x.service")).stderr,
    /expected the number of a version/,
  );
});
