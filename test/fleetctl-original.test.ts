import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { listen } from "#base/listen.ts";
import { runFleetctl } from "./fleetctl-run.ts";

const ID = "33333333000000000000000000f1ee73";
const UNIT = {
  currentState: "launched",
  desiredState: "launched",
  machineID: ID,
  name: "foo.service",
  options: [
    { name: "ExecStart", section: "Service", value: "/bin/sleep infinity" },
    { name: "Environment", section: "Service" }, // the original leaves out what is empty
  ],
};
/** What the original's API answers, as recorded; it has no other paths. */
const ANSWERS: Readonly<Record<string, unknown>> = {
  "/fleet/v1/units/foo.service": UNIT,
  "/fleet/v1/units": { units: [UNIT] },
  "/fleet/v1/machines": {
    machines: [{ id: ID, metadata: { role: "node3" }, primaryIP: "172.31.7.13" }],
  },
};
const NOT_FOUND = { error: { code: 404, message: "" } };

/** An API of the original, and an ssh that says what it was called with. */
async function open(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), "keelson-original-"));
  t.after(() => rm(directory, { recursive: true }));
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://fleet");
    const answer = ANSWERS[pathname];
    response.writeHead(answer === undefined ? 404 : 200, { "Content-Type": "application/json" });
    response.end(JSON.stringify(answer ?? NOT_FOUND));
  });
  const path = join(directory, "fleet.sock");
  await listen(server, { kind: "unix", path });
  t.after(() => server.close());
  const ssh = join(directory, "ssh");
  const called = join(directory, "called");
  await writeFile(
    ssh,
    `#!/bin/sh\necho "$*" >> ${called}\necho "as systemctl says"\nexit "$(cat ${directory}/exit)"\n`,
  );
  await chmod(ssh, 0o755);
  const before = process.env["PATH"];
  process.env["PATH"] = `${directory}:${before}`;
  t.after(() => {
    process.env["PATH"] = before;
  });
  const options = {
    cwd: directory,
    env: { FLEETCTL_ENDPOINT: `unix://${path}`, KEELSON_ROOT: directory },
  };
  return {
    directory,
    fleetctl: (...words: string[]) => runFleetctl(words, options),
    exitWith: (status: number) => writeFile(join(directory, "exit"), String(status)),
    called: () => readFile(called, "utf8"),
  };
}

test("status and journal of units on the original's machines come by ssh", async (t) => {
  const { fleetctl, exitWith, called } = await open(t);
  await exitWith(3);
  assert.deepEqual(await fleetctl("status", "foo"), {
    stdout: "as systemctl says\n",
    stderr: "",
    exit: 3,
  });
  const json = await fleetctl("status", "--json", "--sudo", "--ssh-port=2222", "foo");
  assert.deepEqual(JSON.parse(json.stdout), [
    {
      unit: "foo.service",
      machine: ID,
      status: 3,
      text: "as systemctl says\n",
      result: null,
      waitsFor: null,
    },
  ]);
  await exitWith(0);
  assert.equal((await fleetctl("journal", "-f", "-n", "3", "--output=cat", "foo")).exit, 0);
  assert.equal((await fleetctl("journal", "--since=1 hour ago", "--grep=x", "foo")).exit, 0);
  assert.equal(
    await called(),
    [
      "-l core -oConnectTimeout=10 -- 172.31.7.13 systemctl status -l --no-pager foo.service",
      "-l core -p 2222 -oConnectTimeout=10 -- 172.31.7.13 sudo systemctl status -l --no-pager foo.service",
      "-l core -oConnectTimeout=10 -- 172.31.7.13 journalctl --unit foo.service --no-pager -n 3 --output cat -f",
      "-l core -oConnectTimeout=10 -- 172.31.7.13 journalctl --unit foo.service --no-pager -n all --output short '--since=1 hour ago' --grep=x",
      "",
    ].join("\n"),
  );
});

test("a machine of the original's that ssh does not reach is an error that says so", async (t) => {
  const { fleetctl, exitWith } = await open(t);
  await exitWith(255);
  const { stderr, exit } = await fleetctl("status", "foo");
  assert.match(
    stderr,
    /^Error retrieving status of unit foo\.service: Cannot ask machine 3{8}0+f1ee73, whose agent is the original's, by ssh: /,
  );
  assert.equal(exit, 1);
});

test("on the machine itself its own systemctl is asked, without ssh", async (t) => {
  const { directory, fleetctl, exitWith } = await open(t);
  await exitWith(255);
  await mkdir(join(directory, "etc"));
  await writeFile(join(directory, "etc/machine-id"), `${ID}\n`);
  await writeFile(join(directory, "systemctl"), '#!/bin/sh\necho "here: $*"\nexit 3\n');
  await chmod(join(directory, "systemctl"), 0o755);
  assert.deepEqual(await fleetctl("status", "foo"), {
    stdout: "here: status -l --no-pager foo.service\n",
    stderr: "",
    exit: 3,
  });
});

test("what the original's API leaves out because it is empty is empty", async (t) => {
  const { fleetctl } = await open(t);
  const { stdout } = await fleetctl("cat", "foo");
  assert.equal(stdout, "[Service]\nExecStart=/bin/sleep infinity\nEnvironment=\n");
});

test("what the original's API has not is an error that says whose it is", async (t) => {
  const { fleetctl } = await open(t);
  for (const words of [["explain", "foo"], ["events"], ["cordon", "3333"]]) {
    const { stderr, exit } = await fleetctl(...words);
    assert.match(stderr, /has no such request; it is the original's, or an older one/);
    assert.equal(exit, 1);
  }
});
