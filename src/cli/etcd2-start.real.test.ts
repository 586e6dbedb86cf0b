import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { listen } from "#base/listen.ts";

const BIN = join(import.meta.dirname, "../../bin/keelson");
const LIMIT_MS = 60_000;

function own(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "keelson-start-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function run(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
) {
  const env = { ...process.env, KEELSON_SOURCE: "1", ...options.env };
  const how = {
    ...options,
    env,
    encoding: "utf8",
    timeout: LIMIT_MS,
    killSignal: "SIGKILL",
  } as const;
  const { status, stdout, stderr } = spawnSync(BIN, args, how);
  return { status, stdout, stderr };
}

const NOWHERE = [
  {
    args: ["etcd2", "--data-dir", "/proc/foo"],
    says: /Cannot make the data directory \/proc\/foo: /,
  },
  {
    args: ["discovery", "--data-dir", "/proc/foo"],
    says: /Cannot make the data directory \/proc\/foo: /,
  },
  { args: ["up"], says: /Cannot use \/proc\/foo for machines: / },
  { args: ["etcd2", "--data-dir", "/etc/passwd"], says: /\/etc\/passwd is not a directory/ },
];
for (const { args, says } of NOWHERE)
  test(`keelson ${args.join(" ")} ends, with a line that says why`, () => {
    const free = args[0] === "discovery" ? ["--listen", "http://127.0.0.1:0"] : [];
    const urls = ["--listen-client-urls", "--listen-peer-urls"].flatMap((name) => [
      name,
      "http://127.0.0.1:0",
    ]);
    const env = { KEELSON_STATE: "/proc/foo" };
    const { status, stderr } = run([...args, ...(args[0] === "etcd2" ? urls : free)], { env });
    assert.match(stderr, says);
    assert.equal(status, 73);
  });

test("a start at a busy address leaves no data directory behind", async (t) => {
  const server = createServer();
  await listen(server, { kind: "tcp", host: "127.0.0.1", port: 0 });
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const busy = `http://127.0.0.1:${port}`;
  const free = "http://127.0.0.1:0";
  const dataDir = join(own(t), "data");
  for (const [client, peer] of [
    [busy, free],
    [free, busy],
  ] as const) {
    const urls = ["--listen-client-urls", client, "--listen-peer-urls", peer];
    const { status, stderr } = run(["etcd2", "--data-dir", dataDir, ...urls]);
    assert.match(
      stderr,
      new RegExp(`Cannot listen on 127.0.0.1:${port}: another program listens there`),
    );
    assert.equal(status, 69);
    assert.equal(existsSync(dataDir), false);
  }
});

test("in a directory that was removed every program says so in one line", (t) => {
  const path = join(own(t), "gone");
  mkdirSync(path);
  const script = `cd ${path} && rmdir ${path} && exec ${BIN} etcdctl ls`;
  const env = { ...process.env, KEELSON_SOURCE: "1" };
  const { status, stderr } = spawnSync("bash", ["-c", script], {
    env,
    encoding: "utf8",
    timeout: LIMIT_MS,
  });
  assert.match(
    stderr,
    /^etcdctl: Cannot start: the directory that this was called in has been removed/m,
  );
  assert.doesNotMatch(stderr, /node:internal/);
  assert.equal(status, 66);
});

test("keelson help explains daemons and clients too", () => {
  for (const [name, says] of [
    ["etcd2", /^Usage: keelson etcd2/],
    ["discovery", /^Usage: keelson discovery/],
  ] as const) {
    const { status, stdout } = run(["help", name]);
    assert.match(stdout, says);
    assert.equal(status, 0);
  }
});

test("keelson env without machines sets the PATH and says that there are none", (t) => {
  const { status, stdout, stderr } = run(["env"], { env: { KEELSON_STATE: own(t) } });
  assert.match(stdout, /^case ":\$PATH:" in .* export PATH="[^"]*\/bin:\$PATH" ;; esac\n$/);
  assert.match(stderr, /there are no machines/);
  assert.equal(status, 0);
});
