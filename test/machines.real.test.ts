// Machines on this computer as it is: their life, and what goes wrong around it.
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { systemClock } from "#base/clock.ts";
import { wishOfOptions } from "#machines/core-wish.ts";
import { LocalCluster } from "#machines/local-cluster.ts";
import { ProcessProvider } from "#machines/process-provider.ts";
import { identify } from "#machines/running-process.ts";
import { StateDirectory } from "#machines/state-directory.ts";
import { type MachineState, machineState, PROGRAM, quoted } from "#test/support/keelson.ts";

const HELLO = `#cloud-config
coreos:
  units:
    - name: hello.service
      command: start
      content: |
        [Service]
        ExecStart=/bin/sh -c 'trap "echo reloaded" HUP; echo "hello from %H %m"; while :; do sleep 1000 & wait $$!; done'
        ExecReload=/bin/kill -HUP $MAINPID
        ExecStop=/bin/sh -c 'echo in order >> "$KEELSON_ROOT/home/core/stopped"'
`;
const HELLO_SLOWLY = `${HELLO}    - name: slow.service
      command: start
      content: |
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/bin/sleep 2
`;

/**
 * What a unit prints at its very start may come before the moment from which systemd shows it here, and what a
 * process prints that ends at once the journal may not know the unit of; this line is neither.
 */
const STATUS_AFTER_RELOAD = `systemctl --user reload hello
for attempt in $(seq 100); do
  systemctl --user status hello --no-pager | grep -q ": reloaded" && break; sleep 0.1
done
systemctl --user status hello --no-pager`;

/** `keelson up` of so many machines with that user-data. */
async function upArguments(
  state: MachineState,
  count: number,
  network: string,
  userData = HELLO,
): Promise<string[]> {
  const file = join(dirname(state.path), "user-data");
  await writeFile(file, userData);
  return ["up", "--machines", String(count), "--network", network, "--user-data", file];
}

function inside(state: MachineState, ...command: string[]): Promise<string> {
  return state.succeed("ssh", "core-01", ...command.map(quoted));
}

/** The command line runs where `setup` was done, seen by nobody else. */
function where(setup: string): string[] {
  const script = `${setup}; exec "$@"`;
  return ["unshare", "--mount", "--propagation=private", "sh", "-ec", script, "sh"];
}

test("a machine lives through halts and power cuts, and destroy leaves nothing", async () => {
  await using state = await machineState();
  await state.succeed(...(await upArguments(state, 2, "127.0.70")));
  assert.match(await state.succeed("status"), /core-01 +running \(process\) +127\.0\.70\.1 +role=/);
  const id = (await inside(state, "cat", "/etc/machine-id")).trim();
  const journal = ["journalctl", "--user-unit", "hello", "--no-pager", "--output=cat"];
  assert.match(await inside(state, ...journal), new RegExp(`hello from core-01 ${id}`));
  assert.match(await inside(state, ...journal), /Started hello\.service/);
  const status = await inside(state, "sh", "-c", STATUS_AFTER_RELOAD);
  assert.match(status, /active \(running\)[\s\S]*sh\[\d+\]: reloaded/);

  await state.succeed("halt", "core-01");
  assert.match(await state.succeed("status"), /core-01 +halted [\s\S]*core-02 +running/);
  await state.succeed("up");
  assert.equal((await inside(state, "cat", "/etc/machine-id")).trim(), id);
  assert.equal(await inside(state, "cat", "stopped"), "in order\n");
  assert.equal((await inside(state, ...journal)).match(/hello from/g)?.length, 2);

  await state.succeed("halt", "--force");
  assert.deepEqual(
    (await state.traces()).filter((trace) => trace.startsWith("process")),
    [],
  );
  await state.succeed("up", "core-01");
  assert.equal(await inside(state, "cat", "stopped"), "in order\n", "a power cut stops nothing");
  assert.notDeepEqual(await state.traces(), []);

  await state.succeed("destroy");
  assert.deepEqual(await state.traces(), []);
  assert.match(await state.succeed("status"), /There are no machines/);
});

test("a shell ends with its machine", async () => {
  await using state = await machineState();
  await state.succeed(...(await upArguments(state, 1, "127.0.70")));
  for (const halt of [["halt"], ["halt", "--force"]]) {
    await state.succeed("up");
    await using shell = state.start(["ssh", "core-01", "echo here; sleep 1000"]);
    await shell.untilSaid("here");
    await state.succeed(...halt);
    assert.notEqual(await shell.ended(), 0);
  }
});

test("what remains of a systemd that crashed is cleared by the next up", async () => {
  await using state = await machineState();
  await state.succeed(...(await upArguments(state, 1, "127.0.70")));
  const { pid } = JSON.parse(
    await readFile(join(state.path, "machines/core-01.process"), "utf8"),
  ) as { pid: number };
  process.kill(pid, "SIGKILL");
  await until(async () => (await identify(pid)) === undefined);
  assert.match(await state.succeed("status"), /core-01 +halted/);
  await state.succeed("up");
  const sleeps = (await state.traces()).filter((trace) => /: sleep 1000/.test(trace));
  assert.equal(sleeps.length, 1, sleeps.join("\n"));
});

test("a process noted before the computer's reboot is not taken for the machine", async () => {
  await using state = await machineState();
  await state.succeed(...(await upArguments(state, 1, "127.0.70")));
  await state.succeed("halt", "--force");
  const self = await identify(process.pid);
  assert.ok(self);
  const otherLives = [
    { ...self, bootId: "00000000-0000-0000-0000-000000000000" },
    { ...self, startTicks: "1" },
  ];
  for (const noted of otherLives) {
    await writeFile(join(state.path, "machines/core-01.process"), JSON.stringify(noted));
    await mkdir(join(state.path, "machines/core-01/run/systemd"), { recursive: true });
    await writeFile(join(state.path, "machines/core-01/run/systemd/private"), "");
    assert.match(await state.succeed("status"), /core-01 +halted/);
    await state.succeed("halt");
    await state.succeed("up");
    assert.equal(await inside(state, "hostname"), "core-01\n");
    await state.succeed("halt", "--force");
  }
});

test("two state directories are two clusters", async () => {
  await using one = await machineState();
  await using two = await machineState();
  await Promise.all([
    one.succeed(...(await upArguments(one, 1, "127.0.70"))),
    two.succeed(...(await upArguments(two, 1, "127.0.71"))),
  ]);
  await two.succeed("halt", "--force");
  await two.succeed("destroy");
  assert.equal(await inside(one, "systemctl", "--user", "is-active", "hello"), "active\n");
});

for (const moment of ["booting", "applying"])
  for (const signal of ["SIGINT", "SIGKILL"] as const)
    test(`an up that ends by ${signal} when ${moment} is made good by the next`, async () => {
      await using state = await machineState();
      await using cut = state.start(await upArguments(state, 2, "127.0.70", HELLO_SLOWLY));
      await cut.untilSaid(moment);
      cut.child.kill(signal);
      assert.equal(await cut.ended(), signal === "SIGINT" ? 130 : signal);
      await state.succeed("up");
      for (const unit of ["hello", "slow"])
        assert.equal(await inside(state, "systemctl", "--user", "is-active", unit), "active\n");
      await state.succeed("destroy");
      assert.deepEqual(await state.traces(), []);
    });

test("while one keelson changes the machines another is told to wait", async () => {
  await using state = await machineState();
  {
    await using _lock = await new StateDirectory(state.path).lock();
    const { status, stderr } = await state.keelson(["up", "--machines", "1"]);
    assert.equal(status, 69);
    assert.match(stderr, new RegExp(`another keelson \\(process ${process.pid}\\)`));
  }
  await state.succeed(...(await upArguments(state, 1, "127.0.70")));
});

test("user-data with a mistake is refused before anything is made", async () => {
  await using state = await machineState();
  const args = await upArguments(state, 1, "127.0.70", "#cloud-config\ncoreos:\n  units: much\n");
  const { status, stderr } = await state.keelson(args);
  assert.equal(status, 65, stderr);
  assert.match(stderr, /line 3[^]*coreos\.units/);
  assert.match(await state.succeed("status"), /There are no machines/);
});

test("a key that means nothing in user-data is told, and the rest applied", async () => {
  await using state = await machineState();
  const args = await upArguments(state, 1, "127.0.70", `${HELLO}  untis: []\n`);
  const { status, stderr } = await state.keelson(args);
  assert.equal(status, 0, stderr);
  assert.match(stderr, /==> user-data: .*user-data: line \d+: warning: .*untis/);
});

test("user-data that fails leaves a machine to look into", async () => {
  await using state = await machineState();
  const failing = HELLO.replace("ExecStart=", "Type=oneshot\n        ExecStart=/bin/false ");
  const { status, stderr } = await state.keelson(await upArguments(state, 1, "127.0.70", failing));
  assert.equal(status, 65, stderr);
  assert.match(stderr, /Cannot configure core-01 from its user-data[\s\S]*hello\.service/);
  assert.equal(await inside(state, "hostname"), "core-01\n");
});

test("on a full disk a machine keeps its journal in memory, and to itself", async () => {
  await using state = await machineState();
  const up = await upArguments(state, 1, "127.0.70");
  const { status, stdout, stderr } = await state.keelson(
    ["destroy"],
    where(`mkdir -p ${state.path}; mount -n -t tmpfs -o size=400k none ${state.path}
      ${PROGRAM} ${up.join(" ")}; ${PROGRAM} ssh core-01 journalctl --no-pager;
      cat ${state.path}/machines/core-01/etc/machine-id; ls /run/log/journal || true`),
  );
  assert.equal(status, 0, stderr);
  assert.match(stdout, /Runtime Journal .*hello from core-01/s);
  assert.equal(stdout.match(/Journal started/g)?.length, 1, stdout);
  const id = /^[0-9a-f]{32}$/m.exec(stdout)?.[0] ?? assert.fail(stdout);
  assert.doesNotMatch(stdout.slice(stdout.indexOf(`\n${id}\n`) + id.length + 1), new RegExp(id));
  assert.deepEqual(await state.traces(), []);
});

test("destroy removes only what is Keelson's", async () => {
  await using state = await machineState();
  await mkdir(state.path);
  await writeFile(join(state.path, "diary"), "dear");
  await state.succeed(...(await upArguments(state, 1, "127.0.70")));
  await state.succeed("destroy");
  assert.equal(await readFile(join(state.path, "diary"), "utf8"), "dear");
});

const REFUSALS: {
  name: string;
  wrapper: (state: string) => string[];
  status: number;
  says: RegExp;
}[] = [
  {
    name: "systemd is not installed",
    wrapper: () => where("mount -n -t tmpfs none /usr/lib/systemd"),
    status: 69,
    says: /^keelson: Cannot make machines: systemd is not installed .*apt-get install systemd/m,
  },
  {
    name: "the computer has no machine id",
    wrapper: () => where("mount -n -t tmpfs none /etc"),
    status: 69,
    says: /^keelson: Cannot make machines: .*systemd-machine-id-setup/m,
  },
  {
    name: "no control groups are mounted",
    wrapper: () => where("umount -n -l /sys/fs/cgroup"),
    status: 69,
    says: /^keelson: Cannot make machines: no control group .*run as root, in a container with/m,
  },
  {
    name: "its user may not make control groups",
    wrapper: (state) => [
      ...where(`mkdir -p ${state}; mount -n -t tmpfs -o mode=777 none ${state}`),
      "setpriv",
      "--reuid=65534",
      "--clear-groups",
    ],
    status: 69,
    says: /^keelson: Cannot make machines: no control group .*(EACCES|EPERM).*run as root/m,
  },
  {
    name: "the state directory is read-only",
    wrapper: (state) => where(`mkdir -p ${state}; mount -n -t tmpfs -o ro none ${state}`),
    status: 73,
    says: /^keelson: Cannot use .* for machines: EROFS.*set KEELSON_STATE/m,
  },
  {
    name: "the disk is full",
    wrapper: (state) => where(`mkdir -p ${state}; mount -n -t tmpfs -o size=32k none ${state}`),
    status: 73,
    says: /^keelson: Cannot write .*ENOSPC/m,
  },
  {
    name: "the path is too long for sockets",
    wrapper: (state) => ["env", `KEELSON_STATE=${state}${"x".repeat(80)}`],
    status: 78,
    says: /^keelson: Cannot keep machines in .* too long .* at most \d+ bytes/m,
  },
  {
    name: "the path cannot stand in a unit",
    wrapper: (state) => ["env", `KEELSON_STATE=${state}:2`],
    status: 78,
    says: /^keelson: Cannot keep machines in .* has a ":"/m,
  },
];

for (const { name, wrapper, status, says } of REFUSALS)
  test(`up says what to do when ${name}`, async () => {
    await using state = await machineState();
    const args = await upArguments(state, 1, "127.0.70");
    const outcome = await state.keelson(args, wrapper(state.path));
    assert.equal(outcome.status, status, outcome.stderr);
    assert.match(outcome.stderr, says);
    assert.doesNotMatch(outcome.stderr, /^ +at /m, "a stack trace is no message");
    assert.deepEqual(await state.traces(), []);
  });

test("boot() refuses where systemd's programs are not found, and changes nothing", async () => {
  await using state = await machineState();
  const directory = new StateDirectory(state.path);
  const init = { state: directory, program: PROGRAM, clock: systemClock, env: process.env };
  const provider = new ProcessProvider({ ...init, systemdDirectories: [join(state.path, "no")] });
  const cluster = new LocalCluster({
    state: directory,
    provider,
    clock: systemClock,
    report: () => {},
  });
  const wish = await wishOfOptions({
    count: 1,
    servers: undefined,
    userData: (await upArguments(state, 1, "127.0.70")).at(-1),
    ownUserData: () => "",
    metadata: [],
    network: "127.0.70",
  });
  await assert.rejects(cluster.up([], wish, new AbortController().signal), {
    code: "SYSTEMD_MISSING",
  });
  assert.deepEqual(await state.traces(), []);
});

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 30_000;
  while (!(await isSo())) {
    assert.ok(Date.now() < endMs, "waited long enough");
    await systemClock.sleep(20, new AbortController().signal);
  }
}
