import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { TestMember } from "#keys/member-for-tests.ts";
import { etcdctl } from "./main.ts";

export interface Outcome {
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Given {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** Whether a person reads stderr. */
  readonly terminal?: true;
}

export interface Case {
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

const LIMIT_MS = 120_000;
/** Before every line: no answer may depend on how busy this computer is. */
const PATIENCE = ["--timeout", "60s", "--total-timeout", "100s"];
/** The original asks for passwords by stty, which complains where there is no terminal. */
const STTY = /^stty: .*\n/gm;

/** The servers that command lines name by their addresses, and one address where nobody listens. */
export interface Servers extends Pick<TestMember, "clientUrl" | "peerUrl"> {
  readonly nobody: string;
  /** Further words of command lines, and what they stand for here. */
  readonly named?: Readonly<Record<string, string>>;
}

/**
 * Runs a command line by the original on its servers, and by ours on each of the others, and compares all that is
 * seen. All have to have the same history, so that indices are compared too.
 * @returns what the original's run and each of ours showed
 */
export async function compare(
  row: Case,
  originals: Servers,
  others: Readonly<Record<string, Servers>>,
): Promise<Outcome[]> {
  const outcomes = [await runOriginal(given(originals, row))];
  const theirs = comparable(outcomes[0]!, originals, row);
  for (const [where, servers] of Object.entries(others)) {
    const outcome = await runOurs(given(servers, row));
    outcomes.push(outcome);
    const actual = comparable(outcome, servers, row);
    if (row.ours === undefined) {
      assert.deepEqual(actual, theirs, where);
      continue;
    }
    const { because, ...differing } = row.ours;
    assert.deepEqual(actual, { ...theirs, ...differing }, where);
    assert.notDeepEqual(actual, theirs, `no longer different: ${because}`);
  }
  return outcomes;
}

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

export async function runOurs({ args, env, stdin, terminal }: Given): Promise<Outcome> {
  const stdout = new PassThrough();
  const stderr = Object.assign(new PassThrough(), terminal ? { isTTY: true } : {});
  const signal = AbortSignal.timeout(LIMIT_MS);
  const io = { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr, env, cwd: "/", signal };
  const shown = Promise.all([text(stdout), text(stderr)]);
  const exit = await etcdctl(args, io);
  stdout.end();
  stderr.end();
  const [out, err] = await shown;
  return { exit, stdout: out, stderr: err };
}

/** Words of a line as a shell would split them, quotes aside. */
function split(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word);
}

function namesOf({ clientUrl, peerUrl, nobody, named }: Servers): Readonly<Record<string, string>> {
  const { host } = new URL(clientUrl);
  return { CLIENT: clientUrl, PEER: peerUrl, NOBODY: nobody, HOST: host, ...named };
}

function given(etcd: Servers, { line, stdin = "", env = {} }: Case): Given {
  const names = namesOf(etcd);
  const fill = (word: string) =>
    Object.entries(names).reduce((text, [name, is]) => text.replace(name, is), word);
  const filled = Object.entries(env).map(([name, value]) => [name, fill(value)]);
  return {
    args: [...PATIENCE, ...split(line).map(fill)],
    stdin,
    env: { ETCDCTL_ENDPOINTS: etcd.clientUrl, ...Object.fromEntries(filled) },
  };
}

/** Without what differs between two etcds of the same history: names, and seconds gone by. */
function comparable(outcome: Outcome, etcd: Servers, { help, unordered }: Case): Outcome {
  const { HOST: _host, ...names } = namesOf(etcd);
  const plain = (shown: string) =>
    Object.entries(names)
      .reduce((text, [name, is]) => text.replaceAll(is, name), shown)
      .replaceAll(/\b[0-9a-f]{12,16}\b/g, "MEMBER")
      .replaceAll(/(?<=ETCD_INITIAL_CLUSTER=")[^"]+/g, (list) =>
        list.split(",").toSorted().join(","),
      )
      .replaceAll(/"expiration":"[^"]+Z"/g, '"expiration":"TIME"')
      .replaceAll(/"ttl":(9\d|100)\b/g, '"ttl":ABOUT_100')
      .replaceAll(/TTL: (9\d|100)\b/g, "TTL: ABOUT_100");
  let stdout = plain(outcome.stdout);
  if (help) stdout = stdout.slice(0, stdout.indexOf("\n"));
  if (unordered) stdout = stdout.split("\n").toSorted().join("\n");
  return { exit: outcome.exit, stdout, stderr: plain(outcome.stderr).replaceAll(STTY, "") };
}
