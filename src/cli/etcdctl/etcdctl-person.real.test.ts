import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { promises as dns } from "node:dns";
import { once } from "node:events";
import { syncBuiltinESMExports } from "node:module";
import { after, before, test } from "node:test";
import { startDns } from "#keys/dns-for-tests.ts";
import { startMember, type TestMember } from "#keys/member-for-tests.ts";
import { freePort } from "#keys/real-etcd.ts";
import { runOurs } from "./compare-for-tests.ts";

let member: TestMember;
let nobody: string;
before(async () => {
  member = await startMember();
  nobody = `http://127.0.0.1:${await freePort()}`;
});
after(() => member[Symbol.asyncDispose]());

const HINTS: [args: string, exit: number, hint: string | undefined][] = [
  ["get nope", 4, undefined],
  ["--endpoints NOBODY get a", 2, "no store answers there; "],
  ["--no-sync --endpoints NOBODY user list", 1, "no store answers there; "],
  ["put a b", 3, "put is of etcd's v3 API; here it is `etcdctl set`"],
  ["sett a b", 3, "did you mean `etcdctl set`?"],
  ["user ad x", 3, "did you mean `etcdctl user add`?"],
  ["nothing-like-it", 3, undefined],
  ["\u2013debug get topic", 3, "a flag begins with two hyphens: --debug"],
  ["ls \u2013recursive", 4, "a flag begins with two hyphens: --recursive"],
];

/** With root's password `secret`, and nobody else let in. */
const LOCKED: typeof HINTS = [
  ["get a", 4, "the store asks who you are: give --username NAME before the command"],
  ["user list", 1, "the store asks who you are: "],
  ["member add x http://127.0.0.1:1", 1, "the store asks who you are: "],
  ["-u root:wrong user list", 1, "this user may not, or the password is another"],
  ["-u root:wrong set a 1", 4, "this user may not, or the password is another"],
];

async function expectHint([line, exit, hint]: (typeof HINTS)[number]): Promise<void> {
  const args = line.replace("NOBODY", nobody).split(" ");
  const given = { args, env: { ETCDCTL_ENDPOINTS: member.clientUrl }, stdin: "" };
  const plain = await runOurs(given);
  const shown = await runOurs({ ...given, terminal: true });
  assert.equal(plain.exit, exit);
  assert.equal(shown.exit, exit);
  assert.ok(shown.stderr.startsWith(plain.stderr));
  const told = shown.stderr.slice(plain.stderr.length);
  if (hint === undefined) assert.equal(told, "");
  else assert.ok(told.startsWith(`hint: ${hint}`) && told.endsWith("\n"), told);
}

for (const row of HINTS)
  test(`etcdctl ${row[0]}: a person is told ${row[2] ?? "no more"}`, () => expectHint(row));

test("a person who is not let in is told so", async () => {
  const env = { ETCDCTL_ENDPOINTS: member.clientUrl };
  const root = (line: string) =>
    runOurs({ args: ["-u", "root:secret", ...line.split(" ")], env, stdin: "" });
  for (const line of ["user add root:secret", "auth enable", "role revoke --path /* --rw guest"])
    assert.equal((await root(line)).exit, 0, line);
  for (const row of LOCKED) await expectHint(row);
  assert.equal((await root("auth disable")).exit, 0);
});

test("a password is asked for without showing it, and Ctrl-C ends the asking", async (t) => {
  const main = new URL("../main.ts", import.meta.url).pathname;
  const command = `${process.execPath} ${main} -u ann get nope`;
  const env = {
    ...process.env,
    KEELSON_CALLED_AS: "etcdctl",
    ETCDCTL_ENDPOINTS: member.clientUrl,
  };
  for (const { typed, status, shows } of [
    { typed: "secreT\b\u007ft\r", status: 4, shows: "100: Key not found" },
    { typed: "secret\u0003", status: 130, shows: "" },
  ]) {
    const child = spawn("script", ["-qec", command, "/dev/null"], { env });
    t.after(() => child.kill("SIGKILL"));
    let shown = "";
    const ended = once(child, "exit");
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      const before = shown;
      shown += chunk.toString();
      if (!before.includes("Password: ") && shown.includes("Password: ")) child.stdin.write(typed);
    }
    const [exit] = (await ended) as [number];
    assert.equal(exit, status, shown);
    assert.ok(shown.includes(shows), shown);
    assert.doesNotMatch(shown, /secre/i);
  }
});

test("--discovery-srv takes the servers from DNS", async (t) => {
  const { port } = new URL(member.clientUrl);
  await using server = await startDns({
    "_etcd-client._tcp.example.test": { srv: [`0 localhost ${port}`] },
  });
  const ask = (servers: readonly string[]) => {
    dns.setServers(servers);
    syncBuiltinESMExports(); // or imported functions go on asking those of before
  };
  const servers = dns.getServers();
  t.after(() => ask(servers));
  ask([server.address]);
  const run = (args: string[], env: Record<string, string> = {}) =>
    runOurs({ args, env: { ETCDCTL_ENDPOINTS: nobody, ...env }, stdin: "" });

  const set = ["--insecure-discovery", "-D", "example.test", "set", "srv", "1"];
  assert.deepEqual(await run(set), { exit: 0, stdout: "1\n", stderr: "" });
  const byEnv = { ETCDCTL_DISCOVERY_SRV: "example.test", ETCDCTL_INSECURE_DISCOVERY: "1" };
  assert.equal((await run(["get", "srv"], byEnv)).stdout, "1\n");

  const secure = await run(["-D", "example.test", "get", "srv"]);
  assert.equal(secure.exit, 2); // what is left is the named endpoint, where nobody is
  assert.ok(
    secure.stderr.startsWith(`ignoring discovered insecure endpoint "http://localhost:${port}"\n`),
    secure.stderr,
  );
  const unknown = await run(["-D", "nowhere.test", "get", "srv"]);
  assert.equal(unknown.exit, 1);
  assert.match(unknown.stderr, /^Cannot find etcd in nowhere\.test by DNS: /);
});
