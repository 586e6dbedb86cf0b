import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { listen } from "#base/listen.ts";
import { type Bench, openBench } from "./fleetctl-bench.ts";
import { runFleetctl } from "./fleetctl-run.ts";
import { openSshd, type Sshd } from "./support/sshd.ts";

const KEELSON = join(import.meta.dirname, "../bin/keelson");
const LIMIT_MS = 30_000;
const run = promisify(execFile);

let sshd: Sshd;
let bench: Bench;
/** Where tunnels have their sockets. */
let temporary: string;
const stack = new AsyncDisposableStack();

before(async () => {
  const bin = join(import.meta.dirname, "../bin");
  const PATH = `${bin}:${process.env["PATH"]}`;
  sshd = stack.use(await openSshd({ PATH, KEELSON_SOURCE: "1" }));
  bench = stack.use(await openBench());
  temporary = await mkdtemp(join(tmpdir(), "keelson-tunnel-"));
  stack.defer(() => rm(temporary, { recursive: true, force: true }));
});
after(() => stack.disposeAsync());

/** The person's environment: a tunnel through the sshd, and the endpoint as it is called behind it. */
function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    FLEETCTL_TUNNEL: `127.0.0.1:${sshd.port}`,
    FLEETCTL_SSH_USERNAME: sshd.user,
    FLEETCTL_SSH_CONFIG: sshd.config,
    FLEETCTL_ENDPOINT: bench.options.env["FLEETCTL_ENDPOINT"] ?? "",
    ...more,
  };
}

/** As a process of its own, as people run it. */
async function fleetctl(words: readonly string[], env: Readonly<Record<string, string>>) {
  const all = { PATH: process.env["PATH"], TMPDIR: temporary, KEELSON_SOURCE: "1", ...env };
  try {
    return {
      ...(await run(KEELSON, ["fleetctl", ...words], { env: all, cwd: bench.options.cwd })),
      exit: 0,
    };
  } catch (error) {
    const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
    return { stdout, stderr, exit: code };
  }
}

const TABLE = `MACHINE		IP		METADATA
11111111...	172.31.7.11	az=a,region=lab,role=node1
22222222...	172.31.7.12	az=a,region=lab,role=node2
33333333...	172.31.7.13	az=b,region=lab,role=node3
`;

test("FLEETCTL_TUNNEL reaches a fleetd's socket on another machine, for every command, and leaves nothing", async () => {
  assert.deepEqual(await fleetctl(["list-machines"], environment()), {
    stdout: TABLE,
    stderr: "",
    exit: 0,
  });
  const started = await fleetctl(["start", "foo"], environment());
  assert.match(started.stdout, /^Unit foo\.service launched on 11111111/m);
  const listed = await fleetctl(["list-units", "--no-legend"], environment());
  assert.match(listed.stdout, /^foo\.service\t11111111\.\.\.\/172\.31\.7\.11\tactive\trunning$/m);
  assert.deepEqual(readdirSync(temporary), []);
});

test("--tunnel reaches endpoints over TCP too, several of them, as they are called behind it", async () => {
  const socketPath = new URL(bench.options.env["FLEETCTL_ENDPOINT"]!).pathname;
  const server = createServer((asked, answer) => {
    request({ socketPath, path: asked.url }, (from) => from.pipe(answer)).end();
  });
  await listen(server, { kind: "tcp", host: "127.0.0.1", port: 0 });
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const endpoint = `--endpoint=unix:///nowhere/fleet.sock,${url}`;
    const { stdout, stderr } = await fleetctl([endpoint, "list-machines"], environment());
    assert.deepEqual([stdout, stderr], [TABLE, ""]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("a journal is followed through the tunnel until the person ends it", async () => {
  await fleetctl(["start", "foo"], environment());
  const env = { ...process.env, TMPDIR: temporary, KEELSON_SOURCE: "1", ...environment() };
  const child = spawn(KEELSON, ["fleetctl", "journal", "-f", "foo"], { env });
  const [text] = (await once(child.stdout.setEncoding("utf8"), "data", {
    signal: AbortSignal.timeout(LIMIT_MS),
  })) as [string];
  assert.notEqual(text, "");
  child.kill("SIGINT");
  assert.deepEqual(await once(child, "exit"), [130, null]);
  assert.deepEqual(readdirSync(temporary), []);
});

test("a fleetctl that is killed outright leaves neither ssh nor files behind", async () => {
  const env = { ...process.env, TMPDIR: temporary, ...environment() };
  // The process itself and not the shell that starts it.
  const main = join(import.meta.dirname, "../src/cli/main.ts");
  const words = [main, "fleetctl", "journal", "-f", "foo"];
  const child = spawn(process.execPath, words, { env: { ...env, KEELSON_CALLED_AS: "keelson" } });
  await once(child.stdout.setEncoding("utf8"), "data", { signal: AbortSignal.timeout(LIMIT_MS) });
  assert.equal(readdirSync(temporary).length, 1);
  child.kill("SIGKILL");
  await once(child, "exit");
  const end = Date.now() + LIMIT_MS;
  while (readdirSync(temporary).length > 0 && Date.now() < end)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(readdirSync(temporary), []);
});

for (const { name, env, says } of [
  {
    name: "the user may not log in",
    env: () => environment({ FLEETCTL_SSH_USERNAME: "nobody-of-that-name" }),
    says: /Cannot open an SSH tunnel through 127\.0\.0\.1: .*Permission denied \(publickey\)\.; see whether a plain ssh/,
  },
  {
    name: "nobody listens",
    env: () => environment({ FLEETCTL_TUNNEL: "127.0.0.1:1" }),
    says: /Cannot open an SSH tunnel through 127\.0\.0\.1: .*Connection refused/,
  },
  {
    name: "the machine's key is not known",
    env: () => environment({ FLEETCTL_KNOWN_HOSTS_FILE: "/dev/null" }),
    says: /Cannot open an SSH tunnel through 127\.0\.0\.1: .*Host key verification failed\./,
  },
  {
    name: "nothing listens behind it",
    env: () => environment({ FLEETCTL_ENDPOINT: "unix:///nowhere/fleet.sock" }),
    says: /Cannot reach fleet: no endpoint answered: unix:\/\/\/nowhere\/fleet\.sock through 127\.0\.0\.1 .*ssh says: .*open failed.* \(nothing listens there, or whoever logs in may not open it\)/,
  },
  {
    name: "there is no ssh",
    env: () => environment({ PATH: "/nowhere" }),
    says: /Cannot open an SSH tunnel through 127\.0\.0\.1: .*not found; install Debian's package openssh-client/,
  },
] as const)
  test(`a tunnel says why it cannot be had when ${name}`, async () => {
    const { stdout, stderr, exit } = await tunnelled(["list-machines"], env());
    assert.match(stderr, /^Error retrieving list of active machines: /);
    assert.match(stderr, says);
    assert.deepEqual([stdout, exit], ["", 1]);
    assert.deepEqual(readdirSync(temporary), []);
  });

/** In this process, whose shell and Node are found whatever PATH says; only what it starts is not. */
async function tunnelled(words: readonly string[], env: Readonly<Record<string, string>>) {
  const earlier = { PATH: process.env["PATH"], TMPDIR: process.env["TMPDIR"] };
  process.env["TMPDIR"] = temporary;
  if (env["PATH"] !== undefined) process.env["PATH"] = env["PATH"];
  try {
    return await runFleetctl(words, { cwd: bench.options.cwd, env });
  } finally {
    process.env["PATH"] = earlier.PATH;
    if (earlier.TMPDIR === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = earlier.TMPDIR;
  }
}

test("--strict-host-key-checking=false trusts a machine that nobody knows", async () => {
  const env = environment({ FLEETCTL_KNOWN_HOSTS_FILE: "/dev/null" });
  const listed = await fleetctl(["--strict-host-key-checking=false", "list-machines"], env);
  assert.deepEqual([listed.stdout, listed.stderr], [TABLE, ""]);
});

/** A cluster whose machines all are the sshd's. */
async function sshEnvironment(): Promise<Record<string, string>> {
  const config = join(temporary, "config");
  const hostKeyAlias = `[127.0.0.1]:${sshd.port}`;
  await writeFile(
    config,
    `Host 172.31.7.*\n  HostName 127.0.0.1\n  Port ${sshd.port}\n  HostKeyAlias ${hostKeyAlias}\nHost *\nInclude ${sshd.config}\n`,
  );
  return environment({ FLEETCTL_SSH_CONFIG: config });
}

test("fleetctl ssh runs a command on a machine or where a unit runs, through the tunnel or without", async () => {
  const env = await sshEnvironment();
  const direct = { ...env, FLEETCTL_TUNNEL: "" };
  await fleetctl(["start", "foo"], direct);
  try {
    for (const [words, out, exit] of [
      [["ssh", "33333333", "echo", "on", "$SSH_CONNECTION"], /^on 127\.0\.0\.1 /, 0],
      [["ssh", "foo", "--", "sh", "-c", "'exit 7'"], /^$/, 7],
      [["ssh", "--machine=3333", "--", "echo", "-n", "x"], /^x$/, 0],
      [["ssh", "--unit=foo", "-A", "id -un"], new RegExp(`^${sshd.user}\n$`), 0],
    ] as const)
      for (const way of [direct, env]) {
        const got = await fleetctl(words, way);
        assert.match(got.stdout, out, got.stderr);
        assert.deepEqual([got.stderr, got.exit], ["", exit]);
      }
  } finally {
    await rm(join(temporary, "config"));
  }
});

for (const [words, says] of [
  [["ssh"], "Unable to proceed: one machine or unit must be provided"],
  [["ssh", "nonexist", "true"], "Unable to proceed: could not find matching unit or machine"],
  [["ssh", "--machine=zz", "hostname"], "Unable to proceed: machine does not exist"],
  [["ssh", "--unit=nonexist", "hostname"], "Unable to proceed: unit does not exist"],
  [
    ["ssh", "--unit=bar", "--machine=3"],
    "Both machine and unit flags provided, please specify only one.",
  ],
] as const)
  test(`fleetctl ${words.join(" ")} is refused as by the original`, async () => {
    const got = await runFleetctl(words, bench.options);
    assert.deepEqual(got, { stdout: "", stderr: `${says}\n`, exit: 1 });
  });

test("fd-forward carries a request that comes in by ssh, as the original's tunnel sends it", async () => {
  const socket = new URL(bench.options.env["FLEETCTL_ENDPOINT"]!).pathname;
  const there = `fleetctl fd-forward ${socket}`;
  const words = ["-F", sshd.config, "-p", String(sshd.port), "-l", sshd.user, "127.0.0.1", there];
  const child = spawn("ssh", words, { stdio: ["pipe", "pipe", "inherit"] });
  let answer = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (answer += text));
  // Standard input stays open, as that of a client which would send more.
  child.stdin.write(
    "GET /fleet/v1/machines HTTP/1.1\r\nHost: domain-sock\r\nConnection: close\r\n\r\n",
  );
  const [exit] = (await once(child, "exit", { signal: AbortSignal.timeout(LIMIT_MS) })) as [number];
  assert.equal(exit, 0);
  assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(answer, /"primaryIP":\s*"172\.31\.7\.13"/);
});

test("fd-forward says what it cannot reach", async () => {
  const path = join(bench.options.cwd, "none.sock");
  assert.ok(!existsSync(path));
  const got = await runFleetctl(["fd-forward", path], bench.options);
  assert.match(
    got.stderr,
    /^Cannot forward to .*none\.sock: connect ENOENT .*; see whether fleetd listens there\n$/,
  );
  assert.equal(got.exit, 1);
  assert.equal((await runFleetctl(["fd-forward"], bench.options)).exit, 1);
});
