import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openFleet } from "./fleetctl-fleet.ts";
import { type RunOptions, runFleetctl, unitDirectory } from "./fleetctl-run.ts";
import { MACHINES, UNIT_FILES } from "./fleetctl-units.ts";

const TIME = "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z";
const SHORT = "[0-9a-f]{8}\\.\\.\\.";

async function open(t: TestContext): Promise<RunOptions> {
  const directory = await unitDirectory(UNIT_FILES);
  t.after(() => directory[Symbol.asyncDispose]());
  const fleet = await openFleet(directory.path, MACHINES);
  t.after(() => fleet[Symbol.asyncDispose]());
  return { cwd: directory.path, env: { FLEETCTL_ENDPOINT: fleet.endpoint, USER: "alice" } };
}

/** Events come to the store a moment after what they tell of. */
async function until(options: RunOptions, words: readonly string[], holds: RegExp) {
  for (let attempt = 0; attempt < 400; attempt++) {
    const outcome = await runFleetctl(["events", ...words], options);
    if (holds.test(outcome.stdout)) return outcome;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  assert.fail(`fleetctl events ${words.join(" ")} never shows ${holds}`);
}

test("fleetctl events prints who did what and why, a line each", async (t) => {
  const options = await open(t);
  await runFleetctl(["start", "foo"], options);
  await runFleetctl(["destroy", "foo"], options);
  const { stdout, stderr, exit } = await until(options, ["--unit=foo"], / unloaded /);
  assert.deepEqual([stderr, exit], ["", 0]);
  const who = `alice@\\S+ \\(as claimed, on machine ${SHORT}\\): asked of the API`;
  assert.match(
    stdout,
    new RegExp(
      [
        `^${TIME} submitted foo\\.service - → launched by ${who}`,
        `${TIME} placed foo\\.service on ${SHORT} by engine on ${SHORT}: .+`,
        `${TIME} started foo\\.service on ${SHORT} by agent on ${SHORT}: .+`,
        `${TIME} destroyed foo\\.service by ${who}`,
        `${TIME} unloaded foo\\.service on ${SHORT} by agent on ${SHORT}: .+\n$`,
      ].join("\n"),
    ),
  );
  const json = await runFleetctl(["events", "--json", "--unit=foo*", "--lines=2"], options);
  const rows = JSON.parse(json.stdout) as { what: string; machine?: string }[];
  assert.deepEqual(
    rows.map(({ what }) => what),
    ["destroyed", "unloaded"],
  );
  assert.equal(rows[1]!.machine?.length, 32);
  assert.equal((await runFleetctl(["events", "--unit=bar"], options)).stdout, "");
  const about = async (machine: string) => runFleetctl(["events", `--machine=${machine}`], options);
  const byId = await about(rows[1]!.machine!.slice(0, 8));
  assert.match(byId.stdout, / started foo/);
  const { primaryIP } = MACHINES.find(({ id }) => id === rows[1]!.machine)!;
  assert.equal((await about(primaryIP)).stdout, byId.stdout);
  assert.match((await about("core-99")).stderr, /Cannot find machine "core-99"/);
  assert.notEqual((await runFleetctl(["events", "--since=1h"], options)).stdout, "");
  assert.equal((await runFleetctl(["events", "--since=2200-01-01"], options)).stdout, "");
});

test("fleetctl events --follow goes on with what comes, until interrupted", async (t) => {
  const options = await open(t);
  const stop = new AbortController();
  const following = runFleetctl(["events", "-f", "--json", "--unit=foo"], {
    ...options,
    signal: stop.signal,
    onOutput: ({ stdout }) => {
      if (stdout.includes('"started"')) stop.abort(new DOMException("interrupted", "AbortError"));
    },
  }).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  await runFleetctl(["start", "foo"], options);
  await following;
  assert.ok(stop.signal.aborted);
});

const REFUSED: readonly (readonly [words: string[], message: RegExp])[] = [
  [["foo"], /Cannot use argument "foo": name units by --unit/],
  [["--lines=0"], /Cannot use --lines=0: expected a number above 0/],
  [["--since=yesterday"], /Cannot use --since=yesterday: expected how long ago, such as 10m/],
];
for (const [words, message] of REFUSED)
  test(`fleetctl events ${words.join(" ")} is refused`, async () => {
    const outcome = await runFleetctl(["events", ...words], { cwd: "/", env: {} });
    assert.match(outcome.stderr, message);
    assert.deepEqual([outcome.stdout, outcome.exit], ["", 2]);
  });
