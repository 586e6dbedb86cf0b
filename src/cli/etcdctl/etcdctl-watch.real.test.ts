import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, type TestContext, test } from "node:test";
import { openKeysClient } from "#keys/client.ts";
import { startMember, type TestMember } from "#keys/member-for-tests.ts";
import { etcdctl } from "./main.ts";

const LIMIT_MS = 60_000;
let member: TestMember;
before(async () => {
  member = await startMember();
});
after(() => member[Symbol.asyncDispose]());

function start(endpoint: string, args: readonly string[]) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const stop = new AbortController();
  const env = { PATH: process.env["PATH"], ETCDCTL_ENDPOINTS: endpoint };
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(LIMIT_MS)]);
  const io = { stdin: Readable.from([]), stdout, stderr, env, cwd: "/", signal };
  const ended = etcdctl(args, io).finally(() => stderr.end());
  return { ended, stdout, stderr: text(stderr), stop };
}

/** Lines as they are printed. */
async function* lines(stream: PassThrough): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}

async function take(stream: AsyncGenerator<string, undefined>, count: number): Promise<string[]> {
  const taken: string[] = [];
  while (taken.length < count) {
    const next = await stream.next();
    if (next.done) break;
    taken.push(next.value);
  }
  return taken;
}

function write(t: TestContext) {
  const signal = AbortSignal.timeout(LIMIT_MS);
  const client = openKeysClient({ endpoints: [member.clientUrl] });
  t.after(() => client[Symbol.asyncDispose]());
  return {
    set: (key: string, value: string) => client.set(key, value, {}, signal),
    mkdir: (key: string) => client.set(key, undefined, { dir: true }, signal),
    rm: (key: string) => client.delete(key, { recursive: true }, signal),
  };
}

test("watch --forever shows every change but those of directories, until interrupted", async (t) => {
  const { set, mkdir, rm } = write(t);
  const from = await set("/w/a", "0");
  const since = `--after-index=${from.etcdIndex}`;
  const watching = start(member.clientUrl, ["watch", "-f", "-r", since, "/w"]);
  await set("/w/a", "1");
  await mkdir("/w/d");
  await rm("/w/a");
  await set("/w/b", "2");
  assert.deepEqual(await take(lines(watching.stdout), 6), [
    "[set] /w/a",
    "1",
    "[delete] /w/a",
    "PrevNode.Value: 1",
    "[set] /w/b",
    "2",
  ]);
  watching.stop.abort(new Error("interrupted"));
  assert.equal(await watching.ended, 0);
  assert.equal(await watching.stderr, "");
});

test("exec-watch runs its command with each change in the environment", async (t) => {
  const { set, rm } = write(t);
  const from = await set("/x/a", "0");
  const script = 'echo "$ETCD_WATCH_ACTION $ETCD_WATCH_KEY $ETCD_WATCH_VALUE $0"';
  const flags = ["-r", "--after-index", String(from.etcdIndex)];
  for (const separator of [["--"], []]) {
    const command = ["/x", ...separator, "sh", "-c", script, "said"];
    const watching = start(member.clientUrl, ["exec-watch", ...flags, ...command]);
    const printed = lines(watching.stdout);
    if (separator.length > 0) await set("/x/a", "v 1");
    assert.deepEqual(await take(printed, 1), ["set /x/a v 1 said"]);
    if (separator.length > 0) await rm("/x/a");
    assert.deepEqual(await take(printed, 1), ["delete /x/a  said"]);
    watching.stop.abort(new Error("interrupted"));
    assert.equal(await watching.ended, 0);
  }
});

test("exec-watch ends when its command cannot be run", async (t) => {
  const { set } = write(t);
  const from = await set("/y", "0");
  await set("/y", "1");
  const flags = ["--after-index", String(from.etcdIndex)];
  const watching = start(member.clientUrl, ["exec-watch", ...flags, "/y", "--", "/nowhere/at-all"]);
  assert.equal(await watching.ended, 1);
  assert.match(await watching.stderr, /^Error: {2}cannot run \/nowhere\/at-all: /);
});

test("a silent server is told from one that refuses", async (t) => {
  const silent = createServer(() => {});
  silent.listen(0, "127.0.0.1");
  await once(silent, "listening");
  t.after(() => silent.close());
  const address = silent.address();
  assert.ok(address !== null && typeof address === "object");
  const url = `http://127.0.0.1:${address.port}`;
  const header = `error #0: client: endpoint ${url} exceeded header timeout\n`;
  const cluster = `Error:  client: etcd cluster is unavailable or misconfigured; ${header}\n${header}\n`;
  const deadline = "Error:  context deadline exceeded\n";
  const cases = [
    { args: ["--timeout=100ms", "get", "a"], exit: 4, stderr: cluster },
    { args: ["--no-sync", "--timeout=100ms", "get", "a"], exit: 4, stderr: cluster },
    { args: ["--no-sync", "--total-timeout=100ms", "get", "a"], exit: 4, stderr: deadline },
    { args: ["--total-timeout=100ms", "get", "a"], exit: 2, stderr: deadline },
  ];
  for (const { args, exit, stderr } of cases) {
    const run = start(url, args);
    assert.equal(await run.ended, exit, args.join(" "));
    assert.equal(await run.stderr, stderr, args.join(" "));
  }
  // A write that was sent may have been done, which the original does not say.
  const unsure = start(url, ["--no-sync", "--timeout=100ms", "set", "a", "1"]);
  assert.equal(await unsure.ended, 4);
  assert.match(await unsure.stderr, /^Error: {2}Cannot tell whether "set a" was done: /);
});

test("the program itself reads stdin, prints and exits as called", async (t) => {
  const env = { ...process.env, KEELSON_CALLED_AS: "etcdctl", ETCDCTL_ENDPOINTS: member.clientUrl };
  const run = (args: string[], stdin = "") =>
    new Promise<{ exit: unknown; stdout: string; stderr: string }>((resolve) => {
      const main = new URL("../main.ts", import.meta.url).pathname;
      const child = execFile(process.execPath, [main, ...args], { env }, (error, stdout, stderr) =>
        resolve({ exit: error?.code ?? 0, stdout, stderr }),
      );
      t.after(() => child.kill());
      child.stdin?.end(stdin);
    });
  assert.deepEqual(await run(["set", "p"], "piped"), { exit: 0, stdout: "piped\n", stderr: "" });
  assert.deepEqual(await run(["get", "p"]), { exit: 0, stdout: "piped\n", stderr: "" });
  const missing = await run(["get", "p/q"]);
  assert.equal(missing.exit, 4);
  assert.match(missing.stderr, /^Error: {2}104: Not a directory \(\/p\) \[\d+\]\n$/);
});
