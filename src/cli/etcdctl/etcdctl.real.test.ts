import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import type { Program } from "#cli/program.ts";
import { startMember, type TestMember } from "#keys/member-for-tests.ts";
import { freePort, type RealEtcd, startRealEtcd } from "#keys/real-etcd.ts";
import { etcdctl } from "./main.ts";

interface Outcome {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Given {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

interface Case {
  readonly line: string;
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** etcd lists in no order, so lines are compared as a set. */
  readonly unordered?: true;
  /** Only the first line of stdout is compared: help is ours. */
  readonly help?: true;
  /** What ours does instead, where that is better. */
  readonly ours?: { readonly because: string } & Partial<Outcome>;
}

const LIMIT_MS = 60_000;
let originals: RealEtcd;
let ourEtcd: RealEtcd;
let ourMember: TestMember;
let nobody: string;

// Each run has a store of its own with the same history, so that indices are compared too.
before(async () => {
  [originals, ourEtcd, ourMember] = await Promise.all([
    startRealEtcd(),
    startRealEtcd(),
    startMember(),
  ]);
  nobody = `http://127.0.0.1:${await freePort()}`;
});
after(async () => {
  await originals[Symbol.asyncDispose]();
  await ourEtcd[Symbol.asyncDispose]();
  await ourMember[Symbol.asyncDispose]();
});

async function runOriginal({ args, env, stdin }: Given): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const options = {
      env: { PATH: process.env["PATH"], ETCDCTL_API: "2", ...env },
      timeout: LIMIT_MS,
    };
    const child = execFile("etcdctl", [...args], options, (error, stdout, stderr) => {
      const exit = error === null ? 0 : error.code;
      if (typeof exit === "number") resolve({ exit, stdout, stderr });
      else reject(new Error(`etcdctl ${args.join(" ")} ended abnormally`, { cause: error }));
    });
    child.stdin?.on("error", () => {}).end(stdin); // it may have ended without reading
  });
}

async function runOurs(program: Program, { args, env, stdin }: Given): Promise<Outcome> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const signal = AbortSignal.timeout(LIMIT_MS);
  const io = { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr, env, cwd: "/", signal };
  const shown = Promise.all([text(stdout), text(stderr)]);
  const exit = await program(args, io);
  stdout.end();
  stderr.end();
  const [out, err] = await shown;
  return { exit, stdout: out, stderr: err };
}

const HELP = { help: true } as const;
const UNORDERED = { unordered: true } as const;
const on = (variables: Record<string, string>) => ({
  env: { ETCDCTL_ENDPOINTS: "", ...variables },
});

/** Run in this order. CLIENT, PEER and NOBODY stand for URLs; words with spaces are between single quotes. */
const CASES: readonly Case[] = [
  // Writing and reading one key.
  { line: "set" },
  { line: "set a", stdin: "" },
  { line: "set a 1" },
  { line: "set a b c" },
  { line: "set /a 2" },
  { line: "get a" },
  { line: "get /a" },
  { line: "get a b" },
  { line: "get" },
  { line: "get nope" },
  { line: "set a ''" },
  { line: "get a" },
  { line: "set a -1" },
  { line: "set -- a -2" },
  { line: "set a -- -3" },
  { line: "get -- a" },
  { line: "set a -x" },
  { line: "set a -" },
  { line: "set -1 5", ...HELP },
  { line: "set in", stdin: "multi\n\nline" },
  { line: "get in" },
  { line: "mk in2", stdin: "x\n" },
  { line: "update in2", stdin: "y" },
  { line: "set 'k e y/ü?&=#%+' 'v a l ü\t<>&'" },
  { line: "get 'k e y/ü?&=#%+'" },
  { line: "-o json get 'k e y/ü?&=#%+'" },
  { line: "-o json set c 'a\b\f\\b\\f\u2028\u0001'" },
  { line: "--output extended set a 4" },
  { line: "--output=extended get a" },
  { line: "-o json get a" },
  { line: "-output json set a 5" },
  { line: "-o bogus get a" },
  { line: "-o bogus rm c" },
  { line: "-o extended get nope" },
  { line: "-o json get nope" },
  { line: "get a --quorum" },
  { line: "get -q a" },
  { line: "get --sort --quorum=true a" },
  { line: "get --quorum=maybe a", ...HELP },
  { line: "get v//../a" },
  // Times to live and conditions.
  { line: "set --ttl 100 t 1" },
  { line: "-o json get t" },
  { line: "-o extended get t" },
  { line: "set t 2 --ttl 100" },
  { line: "set t --ttl=0x64 3" },
  { line: "update --ttl 0 t 4" },
  { line: "-o extended get t" },
  { line: "set --ttl -5 t 5" },
  { line: "set --ttl x t 1", ...HELP },
  { line: "set --ttl 99999999999999999999 t 1", ...HELP },
  { line: "set --ttl", ...HELP },
  { line: "set --bogus t 1", ...HELP },
  { line: "get ---x", ...HELP },
  { line: "set --swap-with-value 9 t 6" },
  { line: "set --swap-with-value 5 t 6" },
  { line: "set --swap-with-index 1 t 7" },
  { line: "set --swap-with-value 1 nope 2" },
  { line: "update nope 1" },
  { line: "update t 8" },
  { line: "update" },
  { line: "mk t 9" },
  { line: "mk" },
  { line: "mk n 1" },
  { line: "mk --ttl 100 n2 1" },
  { line: "mk --in-order q 1" },
  { line: "mk --in-order --ttl 100 q 2" },
  // Directories.
  { line: "mkdir" },
  { line: "mkdir d" },
  { line: "mkdir d" },
  { line: "-o json mkdir d/e" },
  { line: "-o extended mkdir d/f" },
  { line: "mkdir --ttl 100 d/g" },
  { line: "mkdir a/b" },
  { line: "get d" },
  { line: "set d 1" },
  { line: "setdir d" },
  { line: "setdir d2" },
  { line: "-o json setdir d3" },
  { line: "updatedir --ttl 100 d2" },
  { line: "-o json updatedir d2" },
  { line: "updatedir nope" },
  { line: "updatedir" },
  { line: "ls", ...UNORDERED },
  { line: "ls /", ...UNORDERED },
  { line: "ls d", ...UNORDERED },
  { line: "ls --sort" },
  { line: "ls --sort -p" },
  { line: "ls --sort --recursive -p /" },
  { line: "ls -r --sort --quorum d" },
  { line: "ls a" },
  { line: "ls nope" },
  { line: "-o json ls --sort d" },
  { line: "-o extended ls d" },
  { line: "-o json ls d/e" },
  { line: "ls -rp", ...HELP },
  { line: "rm" },
  { line: "rm nope" },
  { line: "rm n" },
  { line: "rm d" },
  { line: "rm --dir d" },
  { line: "rm --dir d/e" },
  { line: "rmdir d" },
  { line: "rmdir d/f" },
  { line: "-o json rmdir d/g" },
  { line: "rmdir n2" },
  { line: "-o extended rm in" },
  { line: "-o json rm in2" },
  { line: "rm --with-value 1 t" },
  { line: "rm --with-value 8 t" },
  { line: "rm --with-index 1 a" },
  { line: "-o json rm -r q" },
  { line: "-o extended rm --recursive d2" },
  { line: "rmdir /" },
  { line: "set / 1" },
  // Watching what has happened.
  { line: "watch" },
  { line: "watch --after-index 3 a" },
  { line: "watch --after-index 3 --recursive /" },
  { line: "-o extended watch --after-index 3 -r /" },
  { line: "-o json watch --after-index 3 a" },
  { line: "watch --after-index x a", ...HELP },
  { line: "exec-watch" },
  { line: "exec-watch a" },
  // The cluster.
  { line: "cluster-health" },
  { line: "member list" },
  { line: "member list x" },
  { line: "member bogus" },
  { line: "member", ...HELP },
  { line: "member --bogus", ...HELP },
  { line: "member list --bogus", ...HELP },
  // Endpoints and debugging.
  { line: "--debug get a" },
  { line: "--debug --no-sync set a 1" },
  { line: "--debug --no-sync set --swap-with-value 1 a 'b c'" },
  { line: "--debug --no-sync mkdir --ttl 100 dd" },
  { line: "--debug --no-sync mk --in-order dd/q 1" },
  { line: "--debug --no-sync rm --recursive dd" },
  { line: "--debug --no-sync watch --after-index 3 a" },
  { line: "--debug member list" },
  { line: "--debug cluster-health" },
  { line: "--endpoints NOBODY get a" },
  { line: "--no-sync --endpoints NOBODY get a" },
  { line: "--no-sync --endpoints NOBODY set a b" },
  { line: "--no-sync --endpoints NOBODY,CLIENT get a" },
  { line: "--endpoints NOBODY cluster-health" },
  { line: "--endpoints NOBODY member list" },
  { line: "--endpoints NOBODY watch a" },
  { line: "get a", ...on({ ETCDCTL_PEERS: "CLIENT" }) },
  { line: "get a", ...on({ ETCDCTL_ENDPOINT: "CLIENT", ETCDCTL_PEERS: "NOBODY" }) },
  { line: "get a", ...on({ ETCDCTL_ENDPOINTS: "CLIENT", ETCDCTL_ENDPOINT: "NOBODY" }) },
  { line: "--peers CLIENT get a", ...on({}) },
  { line: "-C CLIENT get a", ...on({}) },
  { line: "--endpoint CLIENT get a", ...on({ ETCDCTL_PEERS: "NOBODY" }) },
  { line: "--endpoints CLIENT/ get a", ...on({ ETCDCTL_ENDPOINTS: "NOBODY" }) },
  { line: "--timeout 1s --total-timeout 1m get a" },
  { line: "--timeout 1x get a", ...HELP },
  { line: "-- get a" },
  // Help and unknown things.
  { line: "", ...HELP },
  { line: "help", ...HELP },
  { line: "--help", ...HELP },
  { line: "help set", ...HELP },
  { line: "set --help", ...HELP },
  { line: "h ls", ...HELP },
  { line: "help member", ...HELP },
  { line: "member list -h", ...HELP },
  { line: "help bogus" },
  { line: "bogus" },
  { line: "bogus a" },
  { line: "--bogus", ...HELP },
  { line: "--output", ...HELP },
  // Where ours differs on purpose.
  {
    line: "--version",
    ours: {
      because: "it is another program, of the same interface",
      stdout: "etcdctl version: 3.4.23+keelson.0.1.0\nAPI version: 2\n",
    },
  },
  {
    line: "get a -q t",
    ours: {
      because: "a switch does not take the argument behind it",
      exit: 0,
      stdout: "b c\n",
      stderr: "",
    },
  },
  {
    line: "mk --in-order o -- -3",
    ours: { because: "-- ends the flags, it is no value", stdout: "-3\n" },
  },
  {
    line: "--endpoints HOST get a",
    ours: { because: "HOST:PORT is what people type", exit: 0, stdout: "b c\n", stderr: "" },
  },
];

/** Words of a line as a shell would split them, quotes aside. */
function split(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word);
}

function given(etcd: TestMember, { line, stdin = "", env = {} }: Case): Given {
  const fill = (word: string) =>
    word
      .replace("CLIENT", etcd.clientUrl)
      .replace("HOST", new URL(etcd.clientUrl).host)
      .replace("NOBODY", nobody);
  const filled = Object.entries(env).map(([name, value]) => [name, fill(value)]);
  return {
    args: split(line).map(fill),
    stdin,
    env: { ETCDCTL_ENDPOINTS: etcd.clientUrl, ...Object.fromEntries(filled) },
  };
}

/** Without what differs between two etcds of the same history: names, and seconds gone by. */
function comparable(outcome: Outcome, etcd: TestMember, { help, unordered }: Case): Outcome {
  const plain = (shown: string) =>
    shown
      .replaceAll(etcd.clientUrl, "CLIENT")
      .replaceAll(etcd.peerUrl, "PEER")
      .replaceAll(/\b[0-9a-f]{12,16}\b/g, "MEMBER")
      .replaceAll(/"expiration":"[^"]+Z"/g, '"expiration":"TIME"')
      .replaceAll(/"ttl":(9\d|100)\b/g, '"ttl":ABOUT_100')
      .replaceAll(/TTL: (9\d|100)\b/g, "TTL: ABOUT_100");
  let stdout = plain(outcome.stdout);
  if (help) stdout = stdout.slice(0, stdout.indexOf("\n"));
  if (unordered) stdout = stdout.split("\n").toSorted().join("\n");
  return { exit: outcome.exit, stdout, stderr: plain(outcome.stderr) };
}

for (const [at, row] of CASES.entries())
  test(`etcdctl ${row.line} (${at})`, async () => {
    const theirs = await runOriginal(given(originals, row));
    const expected = comparable(theirs, originals, row);
    for (const store of [ourEtcd, ourMember]) {
      const actual = comparable(await runOurs(etcdctl, given(store, row)), store, row);
      const where = store === ourEtcd ? "on a real etcd" : "on Keelson's store";
      if (row.ours === undefined) {
        assert.deepEqual(actual, expected, where);
        continue;
      }
      const { because, ...differing } = row.ours;
      assert.deepEqual(actual, { ...expected, ...differing }, where);
      assert.notDeepEqual(actual, expected, `no longer different: ${because}`);
    }
  });
