import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { Fault } from "#base/fault.ts";
import { parseAddress } from "#base/listen.ts";
import { startMember } from "#keys/member-for-tests.ts";
import { resizeTerminal } from "#systemd/terminal.ts";
import { type Daemon, isActive, startDaemon, unit, until } from "#test/support/fleet-daemon.ts";
import { privateSystemdMissing } from "#test/support/private-systemd.ts";
import type { ExecTarget } from "./exec-client.ts";
import { httpUpgrade } from "./http-upgrade.ts";

const skip = privateSystemdMissing();
const signal = AbortSignal.timeout(300_000);
const MAIN = fileURLToPath(new URL("../cli/main.ts", import.meta.url));

async function run(
  { client }: Daemon,
  target: ExecTarget,
  command: readonly [string, ...string[]],
  { user, input }: { readonly user?: string; readonly input?: Buffer } = {},
) {
  using program = await client.exec(
    target,
    { command, ...(user !== undefined && { user }) },
    signal,
  );
  const printed = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const fed = (async () => {
    if (input !== undefined) await program.write(input);
    await program.endInput();
  })();
  const status = await program.run(async (stream, bytes) => void printed[stream].push(bytes));
  await fed;
  const [stdout, stderr] = [Buffer.concat(printed.stdout), Buffer.concat(printed.stderr)];
  return { status, stdout, stderr: stderr.toString() };
}

/** Whether a process with this argument is there. */
async function isRunning(argument: string): Promise<boolean> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return lines.some((line) => line.startsWith("sleep\0") && line.includes(argument));
}

const service = (name: string, value: string) => ({ section: "Service", name, value });

test("a command runs as the unit sees the machine, from every machine, and ends with its client", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const here = await startDaemon(t, store);
  const there = await startDaemon(t, store);
  const web = unit("web.service", "/bin/sleep infinity", [`MachineID=${here.id}`]);
  const options = [
    ...web.options,
    service("User", "65534"),
    service("Environment", '"WHO=a unit"'),
    service("WorkingDirectory", "/tmp"),
    service("PrivateTmp", "yes"),
  ];
  await here.client.setUnit({ ...web, options }, signal);
  await until("web is active", () => isActive(here, web.name));
  await until("each knows the other", async () =>
    (await Promise.all([here, there].map(({ client }) => client.listMachines(signal)))).every(
      ({ length }) => length === 2,
    ),
  );
  const target = { unit: web.name };
  for (const daemon of [here, there]) {
    const script = 'echo "$WHO $PWD $(id -u)"; ls -A /tmp; echo trouble >&2; exit 7';
    const { status, stdout, stderr } = await run(daemon, target, ["sh", "-c", script]);
    assert.deepEqual([status, stdout.toString(), stderr], [7, "a unit /tmp 65534\n", "trouble\n"]);

    const input = randomBytes(10 * 2 ** 20);
    const startMs = performance.now();
    const echo = await run(daemon, target, ["cat"], { input });
    t.diagnostic(`10 MB there and back: ${Math.round(performance.now() - startMs)} ms`);
    const sum = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
    assert.equal(sum(echo.stdout), sum(input));

    const killed = await run(daemon, target, ["sh", "-c", "kill -9 $$"]);
    assert.equal(killed.status, 137);
    const root = await run(daemon, target, ["id", "-un"], { user: "root" });
    assert.equal(root.stdout.toString(), "root\n");
    const onMachine = await run(daemon, { machineID: here.id }, ["sh", "-c", "id -u; echo $WHO"]);
    assert.equal(onMachine.stdout.toString(), "0\n\n");
    const env = await run(daemon, { machineID: here.id }, ["env"]);
    assert.match(env.stdout.toString(), /^PATH=/m);
    assert.doesNotMatch(env.stdout.toString(), /^(FLEET_|NOTIFY_|WATCHDOG_|LISTEN_)/m);
    for (const [where, name] of [
      [target, "in web.service "],
      [{ machineID: here.id }, ""],
    ] as const)
      for (const [command, status, why] of [
        ["/no/such/program", 127, "command not found"],
        ["nosuch", 127, "command not found"],
        ["/etc/passwd", 126, "it is there, but cannot be executed"],
      ] as const) {
        const failed = await run(daemon, where, [command]);
        const place = `${name}on machine ${here.id.slice(0, 8)}...`;
        assert.deepEqual(
          [failed.status, failed.stderr],
          [status, `Cannot run ${command} ${place}: ${why}\n`],
        );
      }
    const own = await run(daemon, target, ["setpriv", "nosuch"]);
    assert.match(own.stderr, /^setpriv: .*nosuch/);

    const long = `31536${Math.floor(Math.random() * 1e9)}`;
    const program = await daemon.client.exec(target, { command: ["sleep", long] }, signal);
    await until("it runs", () => isRunning(long));
    program[Symbol.dispose]();
    await until("it has ended with its client", async () => !(await isRunning(long)));
  }
  await assert.rejects(
    run(there, target, ["id"], { user: "nobody-of-that-name" }),
    /none of that name/,
  );
  const asked = httpUpgrade(
    parseAddress(`unix://${here.systemd.root}/run/fleet.sock`),
    { path: "/fleet/v1/units/%zz/exec", headers: {} },
    signal,
  );
  assert.deepEqual(await asked, {
    status: 400,
    refusal: "the path is not a valid percent-encoding",
  });
  await assert.rejects(
    run(here, { unit: "none.service" }, ["id"]),
    (error) => error instanceof Fault && error.code === "UNIT_NOT_FOUND",
  );
});

test("fleetctl exec passes streams and status on, and a killed fleetctl leaves nothing behind", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const daemon = await startDaemon(t, store);
  await daemon.client.setUnit(unit("web.service", "/bin/sleep infinity"), signal);
  await until("web is active", () => isActive(daemon, "web.service"));
  const endpoint = `unix://${daemon.systemd.root}/run/fleet.sock`;
  const fleetctl = (...args: string[]) =>
    spawn(process.execPath, [MAIN, "fleetctl", `--endpoint=${endpoint}`, "exec", ...args], {
      stdio: ["pipe", "pipe", "pipe"],
    });
  const child = fleetctl("-i", "web", "--", "sh", "-c", "tr a-z A-Z; exit 3");
  child.stdin.end("loud\n");
  const said = text(child.stdout);
  assert.deepEqual(await once(child, "exit"), [3, null]);
  assert.equal(await said, "LOUD\n");

  for (const how of ["SIGINT", "SIGKILL"] as const) {
    const long = `31537${Math.floor(Math.random() * 1e9)}`;
    const hanging = fleetctl("web", "sleep", long);
    await until("it runs", () => isRunning(long));
    hanging.kill(how);
    await once(hanging, "exit");
    await until("it has ended", async () => !(await isRunning(long)));
  }
});

test("fleetctl exec -t: a terminal there that is as the one here", { skip }, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const here = await startDaemon(t, store);
  const there = await startDaemon(t, store);
  const web = unit("web.service", "/bin/sleep infinity", [`MachineID=${there.id}`]);
  await here.client.setUnit(
    { ...web, options: [...web.options, service("User", "65534")] },
    signal,
  );
  await until("web is active", () => isActive(there, web.name));
  const endpoint = `unix://${here.systemd.root}/run/fleet.sock`;
  // script(1) gives fleetctl its own terminal, in which what is typed comes in by a pipe.
  const inTerminal = (...command: string[]) => {
    const words = [
      process.execPath,
      MAIN,
      "fleetctl",
      `--endpoint=${endpoint}`,
      "exec",
      ...command,
    ];
    const line = `stty rows 31 columns 101; exec ${words.map((word) => `'${word}'`).join(" ")}`;
    const args = ["--quiet", "--return", "--command", line, "/dev/null"];
    const env = { ...process.env, SHELL: "/bin/sh", TERM: "vt100" };
    const child = spawn("script", args, { env, stdio: ["pipe", "pipe", "inherit"] });
    let shown = "";
    child.stdout.on("data", (bytes: Buffer) => void (shown += bytes.toString()));
    t.after(() => child.kill("SIGKILL"));
    return {
      child,
      shows: (pattern: RegExp) => until(`${pattern} is shown`, async () => pattern.test(shown)),
    };
  };
  const long = `31538${Math.floor(Math.random() * 1e9)}`;
  const script = `id -u; echo $TERM; stty size; while [ "$(stty size)" = "31 101" ]; do sleep 0.1; done; stty size; read word; echo "<$word>"; trap "echo got it; exit 5" INT; sleep ${long}`;
  const { child, shows } = inTerminal("-it", "web", "--", "sh", "-c", script);
  await shows(/65534\r\nvt100\r\n31 101\r\n/);
  await resizeTerminal(child.pid!, { columns: 77, rows: 22 }, process.env, signal);
  await shows(/22 77\r\n/);
  child.stdin.write("typed\r");
  await shows(/<typed>\r\n/);
  await until("it sleeps", () => isRunning(long));
  child.stdin.write("\x03");
  await shows(/got it\r\n/);
  assert.deepEqual(await once(child, "exit"), [5, null]);
  await until("nothing is left", async () => !(await isRunning(long)));

  const missing = inTerminal("-t", "--machine", there.id, "--", "nosuch");
  await missing.shows(/Cannot run nosuch on machine \w{8}\.\.\.: command not found\r\n/);
  assert.deepEqual(await once(missing.child, "exit"), [127, null]);

  // A client that is gone takes its terminal with it, and what runs there.
  const lost = inTerminal("-t", "web", "sleep", long);
  await until("it runs", () => isRunning(long));
  lost.child.kill("SIGKILL");
  await until("it has ended", async () => !(await isRunning(long)));
});

test("api_exec keeps others out: on TCP whoever is no machine, with none everybody", {
  skip,
}, async (t) => {
  const store = await startMember();
  t.after(() => store[Symbol.asyncDispose]());
  const closed = await startDaemon(t, store, { FLEET_API_EXEC: "none" });
  const open = await startDaemon(t, store);
  await until(
    "each knows the other",
    async () => (await open.client.listMachines(signal)).length === 2,
  );
  const id = ["id"] as const;
  for (const daemon of [closed, open])
    await assert.rejects(run(daemon, { machineID: closed.id }, [...id]), /api_exec/);
  assert.equal((await run(open, { machineID: open.id }, [...id])).status, 0);
});
