import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openFleet } from "./fleetctl-fleet.ts";
import { follow, type RunOptions, runFleetctl, unitDirectory } from "./fleetctl-run.ts";
import { MACHINES, UNIT_FILES } from "./fleetctl-units.ts";

interface PlanRow {
  readonly unit: string;
  readonly change: string;
  readonly global?: boolean;
  readonly to: string | null;
}

test("what fleetctl plan says is what start does then", async () => {
  await using directory = await unitDirectory(UNIT_FILES);
  await using fleet = await openFleet(directory.path, MACHINES);
  const options = { cwd: directory.path, env: { FLEETCTL_ENDPOINT: fleet.endpoint } };
  for (const names of [
    ["foo"],
    ["meta", "pin", "glob", "mo", "c@{1..4}"],
    ["t@{1..4}", "bar"],
    ["t@{10..17}"],
  ]) {
    const planned = await json<PlanRow>(["plan", "--json", ...names], options);
    await runFleetctl(["start", "--block-attempts=2", ...names], options);
    const files = await json<{ unit: string; target: string }>(
      ["list-unit-files", "--json"],
      options,
    );
    const targets = new Map(files.map(({ unit, target }) => [unit, target]));
    assert.deepEqual(
      planned.map(({ unit, to }) => [unit, to]),
      planned.map(({ unit }) => [unit, targets.get(unit)]),
    );
  }
});

test("fleetctl plan says what would happen machine by machine, and changes nothing", async () => {
  await using directory = await unitDirectory({
    ...UNIT_FILES,
    "new.service": `${UNIT_FILES["meta.service"]}Replaces=foo.service\n`,
  });
  await using fleet = await openFleet(directory.path, MACHINES);
  const options = { cwd: directory.path, env: { FLEETCTL_ENDPOINT: fleet.endpoint } };
  await runFleetctl(["start", "c@1", "c@2", "c@3"], options);
  await runFleetctl(["start", "--replace", "foo"], {
    ...options,
    cwd: await pinned(directory.path),
  });
  const before = await runFleetctl(["list-unit-files", "--json"], options);
  const [m1, m2, m3] = MACHINES.map(({ id, primaryIP }) => `${id.slice(0, 8)}.../${primaryIP}`);
  await follow(
    [
      {
        run: "plan --no-legend bar",
        out: /^bar\.service\tcreate\t-\t\S+\/172\.31\.7\.11\tdesired state is launched; 1{8}\S+ is the least loaded that fits \(1 unit\)\n$/,
      },
      {
        run: "plan new",
        out: new RegExp(
          `^UNIT\\t.*REASON\nnew\\.service\\s+create\\t-\\t+${m2}\\t.*is the least loaded that fits \\(1 unit\\)\n` +
            `foo\\.service\\s+unplace\\t${m2}\\t-\\t+replaced by new\\.service; none of 3 machines fits\\n$`,
        ),
        exit: 3,
      },
      {
        run: "plan c@4",
        out: new RegExp(
          `^UNIT\\t.*\nc@4\\.service\\tcreate\\t-\\t-\\tdesired state is launched; none of 3 machines fits\n` +
            `Unit c@4\\.service would fit no machine:\n  ${m1}: conflicts with c@.\\.service\n  ${m2}: .*\n  ${m3}: .*\n$`,
        ),
        exit: 3,
      },
      {
        run: "plan --no-legend globmeta",
        out: `globmeta.service\tcreate\t-\t${m1}\tglobal: it runs on every machine that fits\nglobmeta.service\tcreate\t-\t${m2}\tglobal: it runs on every machine that fits`,
      },
      {
        run: "plan --no-legend --as=submit c@5",
        out: "c@5.service\tcreate\t-\t-\tdesired state is inactive",
      },
      { run: "plan --no-legend c@1", out: /^c@1\.service\tnone\t(\S+)\t\1\tstays where it is\n$/ },
      { run: "plan t@", err: /cannot activate template "t@\.service"/, exit: 1 },
      { run: "plan --as=stop foo", err: /--as=stop: expected one of submit, load, start/, exit: 2 },
      { run: "plan nope", err: /unable to find Unit\(nope\.service\)/, exit: 1 },
      { run: "plan", err: "No units given", exit: 1 },
    ],
    options,
  );
  const kept = await runFleetctl(["plan", "--no-legend", "foo"], options);
  assert.match(kept.stderr, /^WARNING: Unit foo\.service in registry differs .*\n--- foo\.service/);
  assert.match(kept.stdout, /\tnone\t/);
  const inJson = await runFleetctl(["plan", "--json", "foo"], options);
  const warnings = inJson.stderr.trimEnd().split("\n");
  assert.match(warnings[0]!, /^\{"warning":\{"message":"WARNING: Unit foo\.service in registry/);
  assert.match(warnings[1]!, /^\{"warning":\{"message":"--- foo\.service \(in the cluster\)\\n/);
  const replaced = await runFleetctl(["plan", "--no-legend", "--replace", "foo"], options);
  assert.match(
    replaced.stdout,
    /\treplace\t2{8}\S+\t2{8}\S+\tstays where it is, with the new file\n$/,
  );
  const [row] = await json<object>(["plan", "--json", "bar"], options);
  assert.deepEqual(row, {
    unit: "bar.service",
    asked: true,
    change: "create",
    dstate: "launched",
    global: false,
    from: null,
    to: MACHINES[0]!.id,
    machines: [MACHINES[0]!.id],
    reason: `desired state is launched; ${MACHINES[0]!.id} is the least loaded that fits (1 unit)`,
    reasons: [],
    rollout: null,
    turn: 1,
  });
  assert.deepEqual(await runFleetctl(["list-unit-files", "--json"], options), before);
});

/** A directory below with a foo.service for the second machine only. */
async function pinned(directory: string): Promise<string> {
  const path = join(directory, "pinned");
  await mkdir(path);
  await writeFile(join(path, "foo.service"), UNIT_FILES["meta.service"]!);
  return path;
}

async function json<T>(words: readonly string[], options: RunOptions): Promise<T[]> {
  const { stdout, stderr } = await runFleetctl(words, options);
  assert.equal(stderr, "", words.join(" "));
  return JSON.parse(stdout) as T[];
}
