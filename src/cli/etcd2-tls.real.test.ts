import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { parseExposition } from "#base/prometheus-for-tests.ts";
import { TestAuthority } from "#base/tls-for-tests.ts";
import { openKeysClient } from "#keys/client.ts";
import { freePort, startRealEtcd } from "#keys/real-etcd.ts";

const BIN = join(import.meta.dirname, "../../bin");
const LIMIT_MS = 60_000;
const run = promisify(execFile);

let authority: TestAuthority;
let directory: string;
before(() => {
  authority = new TestAuthority();
  directory = mkdtempSync(join(tmpdir(), "keelson-etcd2-tls-"));
});
after(() => {
  authority[Symbol.dispose]();
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
});

interface Daemon {
  readonly child: ChildProcess;
  /** Resolves with what it wrote when a line matches. */
  said(pattern: RegExp): Promise<string>;
  /** Resolves with its exit status and stderr. */
  readonly ended: Promise<readonly [number | null, string]>;
}

function start(t: TestContext, ...flags: readonly string[]): Daemon {
  const child = spawn(join(BIN, "keelson"), ["etcd2", ...flags], {
    env: { PATH: process.env["PATH"], KEELSON_SOURCE: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (err += chunk.toString()));
  const ended = once(child, "close").then(([code]) => [code as number | null, err] as const);
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const said = async (pattern: RegExp): Promise<string> => {
    const untilMs = performance.now() + LIMIT_MS;
    while (!pattern.test(out)) {
      assert.equal(child.exitCode, null, err);
      assert.ok(performance.now() < untilMs, `${pattern} was not said: ${out}`);
      await sleep(50);
    }
    return out;
  };
  return { child, said, ended };
}

async function urls(...schemes: readonly string[]): Promise<string[]> {
  const all: string[] = [];
  for (const scheme of schemes) all.push(`${scheme}://127.0.0.1:${await freePort()}`);
  return all;
}

/** A command line's output, of Debian's client or ours. */
async function etcdctl(program: "etcdctl" | "ours", ...args: readonly string[]): Promise<string> {
  const path = program === "ours" ? join(BIN, "etcdctl") : "etcdctl";
  const env = { PATH: process.env["PATH"], ETCDCTL_API: "2", KEELSON_SOURCE: "1" };
  return (await run(path, args, { env })).stdout;
}

const clientFlags = (name: string) => {
  const { certFile, keyFile } = authority.issue(name);
  return ["--ca-file", authority.caFile, "--cert-file", certFile, "--key-file", keyFile];
};

test("a member with TLS, plain HTTP and a unix socket serves etcd's own client and ours", async (t) => {
  const [secure = "", plain = "", peer = ""] = await urls("https", "http", "http");
  const socket = `unix://${join(directory, "client.sock")}`;
  const { certFile, keyFile } = authority.issue("server");
  const daemon = start(
    t,
    `--data-dir=${join(directory, "mixed")}`,
    `--listen-client-urls=${secure},${plain},${socket}`,
    `--advertise-client-urls=${secure}`,
    `--listen-peer-urls=${peer}`,
    `--cert-file=${certFile}`,
    `--key-file=${keyFile}`,
    `--trusted-ca-file=${authority.caFile}`,
    "--client-cert-auth",
  );
  await daemon.said(/serving the store/);
  for (const program of ["etcdctl", "ours"] as const) {
    const mine = clientFlags(`client of ${program}`.replaceAll(" ", "-"));
    const at = ["--endpoints", secure];
    assert.equal(await etcdctl(program, ...mine, ...at, "set", "/tls", program), `${program}\n`);
    assert.equal(await etcdctl(program, ...mine, ...at, "get", "/tls"), `${program}\n`);
    await assert.rejects(etcdctl(program, "--ca-file", authority.caFile, ...at, "get", "/tls"));
  }
  assert.match(await (await fetch(`${plain}/v2/keys/tls`)).text(), /"value":"ours"/);
  const bySocket = await etcdctl("ours", "--no-sync", "--endpoints", socket, "get", "/tls");
  assert.equal(bySocket, "ours\n");
  daemon.child.kill("SIGTERM");
  assert.deepEqual(await daemon.ended, [0, ""]);
});

test("settings that do not fit together are warned of, and plain HTTP for this machine beside https is not", async (t) => {
  const [client = "", plain = "", peer = ""] = await urls("https", "http", "http");
  const { certFile, keyFile } = authority.issue("warned");
  const daemon = start(
    t,
    `--data-dir=${join(directory, "warned")}`,
    `--listen-client-urls=${client},${plain}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--cert-file=${certFile}`,
    `--key-file=${keyFile}`,
    "--client-cert-auth",
  );
  const said = await daemon.said(/serving the store/);
  assert.match(said, /client-cert-auth without trusted-ca-file/);
  assert.doesNotMatch(said, /not https/);
});

test("a proxy asks members and peers by TLS, with the peers' certificates", async (t) => {
  const [client = "", peer = "", front = ""] = await urls("https", "https", "http");
  const { certFile, keyFile } = authority.issue("both");
  const member = start(
    t,
    `--data-dir=${join(directory, "behind")}`,
    "--name=one",
    `--initial-cluster=one=${peer}`,
    `--listen-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--cert-file=${certFile}`,
    `--key-file=${keyFile}`,
    `--ca-file=${authority.caFile}`,
    `--peer-cert-file=${certFile}`,
    `--peer-key-file=${keyFile}`,
    `--peer-trusted-ca-file=${authority.caFile}`,
    "--peer-client-cert-auth",
  );
  await member.said(/serving the store/);
  const own = authority.issue("proxy");
  const proxy = start(
    t,
    "--proxy=on",
    `--initial-cluster=one=${peer}`,
    `--listen-client-urls=${front}`,
    `--peer-cert-file=${own.certFile}`,
    `--peer-key-file=${own.keyFile}`,
    `--peer-trusted-ca-file=${authority.caFile}`,
  );
  await proxy.said(/endpoints found/);
  assert.equal(await etcdctl("ours", "--no-sync", "--endpoints", front, "set", "/p", "1"), "1\n");
});

async function fetchJson(url: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetch(url);
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}

test("members of one cluster talk by TLS, and the leader tells of its followers", async (t) => {
  const clients = await urls("http", "http", "http");
  const peers = await urls("https", "https", "https");
  const names = ["a", "b", "c"];
  const cluster = names.map((name, at) => `${name}=${peers[at]}`).join(",");
  const members = names.map((name, at) => {
    const { certFile, keyFile } = authority.issue(`peer-${name}`);
    return start(
      t,
      `--name=${name}`,
      `--data-dir=${join(directory, `peer-${name}`)}`,
      `--initial-cluster=${cluster}`,
      `--listen-client-urls=${clients[at]}`,
      `--listen-peer-urls=${peers[at]}`,
      `--initial-advertise-peer-urls=${peers[at]}`,
      `--peer-cert-file=${certFile}`,
      `--peer-key-file=${keyFile}`,
      `--peer-trusted-ca-file=${authority.caFile}`,
      "--peer-client-cert-auth",
    );
  });
  for (const member of members) await member.said(/serving the store/);
  await etcdctl("ours", "--endpoints", clients.join(), "set", "/all", "yes");
  const answers = await Promise.all(clients.map((url) => fetchJson(`${url}/v2/stats/leader`)));
  const leaders = answers.filter(({ status }) => status === 200);
  assert.equal(leaders.length, 1);
  const followers = Object.values(leaders[0]?.body["followers"] ?? {}) as object[];
  assert.deepEqual(
    followers.map((each) => Object.keys(each)),
    [
      ["latency", "counts"],
      ["latency", "counts"],
    ],
  );
  for (const { status, body } of answers)
    if (status !== 200) assert.deepEqual([status, body], [403, { message: "not current leader" }]);
  const selves = await Promise.all(clients.map((url) => fetchJson(`${url}/v2/stats/self`)));
  assert.deepEqual(
    selves.map(({ body }) => body["name"]),
    names,
  );
  const followersSeen = selves.filter(({ body }) => body["state"] === "StateFollower");
  assert.equal(followersSeen.length, 2);
  const metrics = parseExposition(await (await fetch(`${clients[0]}/metrics`)).text());
  assert.ok(metrics.get("etcd_network_peer_sent_bytes_total")?.samples.size);
  assert.ok(metrics.has("keelson_log_commit_duration_seconds"));
});

test("auto-tls makes a certificate once, and clients that trust it can come", async (t) => {
  const [url = "", peer = ""] = await urls("https", "http");
  const dataDir = join(directory, "auto");
  const flags = [
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
  ];
  const certFile = join(dataDir, "fixtures/client/cert.pem");
  const made: string[] = [];
  for (const round of ["first", "second"]) {
    const daemon = start(t, ...flags, "-auto-tls=true");
    await daemon.said(/serving the store/);
    made.push(readFileSync(certFile, "utf8"));
    assert.equal(
      await etcdctl("etcdctl", "--ca-file", certFile, "--endpoints", url, "set", "/r", round),
      `${round}\n`,
    );
    daemon.child.kill("SIGTERM");
    assert.deepEqual(await daemon.ended, [0, ""]);
  }
  assert.equal(made[0], made[1]);
});

test("our clients talk to a real etcd with TLS", async () => {
  const [plain = "", secure = ""] = await urls("http", "https");
  const { certFile, keyFile } = authority.issue("real");
  await using real = await startRealEtcd({
    clientPort: Number(new URL(plain).port),
    flags: {
      "--listen-client-urls": `${plain},${secure}`,
      "--advertise-client-urls": secure,
      "--cert-file": certFile,
      "--key-file": keyFile,
      "--trusted-ca-file": authority.caFile,
      "--client-cert-auth": "true",
    },
  });
  assert.equal(real.clientUrl, plain);
  const mine = clientFlags("client-of-real");
  assert.equal(await etcdctl("ours", ...mine, "--endpoints", secure, "set", "/x", "1"), "1\n");
  const ca = readFileSync(authority.caFile);
  await using stranger = openKeysClient({ endpoints: [secure], tls: { ca } });
  await assert.rejects(stranger.get("/x", {}, AbortSignal.timeout(LIMIT_MS)), {
    code: "STORE_UNAVAILABLE",
    message: /does not accept this client|wants a certificate of this client/,
  });
});

test("settings of TLS that cannot be used are refused", async (t) => {
  const [url = "", peer = ""] = await urls("https", "http");
  const base = [`--data-dir=${join(directory, "none")}`, `--listen-peer-urls=${peer}`];
  const { certFile, keyFile } = authority.issue("one");
  const other = authority.issue("two");
  const rows: [number, string[], RegExp][] = [
    [
      78,
      [`--listen-client-urls=${url}`],
      /^etcd2: Cannot listen on https:.* set cert-file and key-file, or auto-tls$/m,
    ],
    [
      78,
      [`--listen-client-urls=${url}`, `--cert-file=${certFile}`, `--key-file=${other.keyFile}`],
      /it is not the key of the certificate/,
    ],
    [
      66,
      [`--listen-client-urls=${url}`, `--cert-file=${certFile}-`, `--key-file=${keyFile}`],
      /Cannot read a certificate: ENOENT/,
    ],
    [
      78,
      ["--client-cert-auth=maybe"],
      /Cannot use client-cert-auth from the flags: expected true or false/,
    ],
    [78, ["--cors=example"], /Cannot use cors from the flags: expected \* or origins/],
  ];
  for (const [status, flags, message] of rows) {
    const [code, stderr] = await start(t, ...base, ...flags).ended;
    assert.equal(code, status, stderr);
    assert.match(stderr, message);
  }
});
