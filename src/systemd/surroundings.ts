import { readFile, readlink } from "node:fs/promises";
import { Fault, isErrno } from "#base/fault.ts";
import { type Environment, runToEnd, startProgram } from "#systemd/child.ts";

/** A program as it is to be started. */
export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Environment;
  readonly cwd: string | undefined;
}

/** Who a program runs as. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/** A user of this machine. */
export interface Account extends Identity {
  readonly name: string;
  readonly home: string;
  readonly shell: string;
}

const NAMESPACES: readonly (readonly [file: string, option: string])[] = [
  ["mnt", "--mount"],
  ["uts", "--uts"],
  ["ipc", "--ipc"],
  ["net", "--net"],
  ["pid", "--pid"],
  ["cgroup", "--cgroup"],
];
/** What systemd says to the process that it starts, not to others, sd_notify(3) and sd_listen_fds(3). */
const FOR_ITSELF = [
  "NOTIFY_SOCKET",
  "WATCHDOG_PID",
  "WATCHDOG_USEC",
  "LISTEN_PID",
  "LISTEN_FDS",
  "LISTEN_FDNAMES",
];
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * How to start a program so that it sees what this process sees: its namespaces, root, working directory and environment,
 * as its user or another one. What is the same here is not entered, so that without privileges a program of the same
 * user can be started.
 * @throws {Fault} SYSTEMD_FAILED when the process has ended
 */
export async function besides(
  pid: number,
  argv: readonly [string, ...string[]],
  account: Account | undefined,
): Promise<Launch> {
  try {
    const who = account ?? (await identityOf(pid));
    const env = { PATH, ...(await environmentOf(pid)), ...(account && variablesOf(account)) };
    const spaces = await namespacesOf(pid);
    const root = await readlink(`/proc/${pid}/root`);
    const cwd = await readlink(`/proc/${pid}/cwd`);
    const isSame = spaces.length === 0 && root === "/";
    const enter = isSame
      ? []
      : ["nsenter", `--target=${pid}`, ...spaces, "--root", "--wd", ...switchUser(who), "--"];
    const words = [...as(who, isSame), ...enter, ...argv];
    return { program: words[0]!, args: words.slice(1), env, cwd: isSame ? cwd : undefined };
  } catch (cause) {
    if (!isErrno(cause, "ENOENT") && !isErrno(cause, "ESRCH")) throw cause;
    throw new Fault(
      "SYSTEMD_FAILED",
      `Cannot join process ${pid}: it has ended; try again once the unit is active`,
      { cause },
    );
  }
}

/** How to start a program as that user logs in by ssh: in the home directory, with the machine's own environment. */
export function asLogin(
  argv: readonly [string, ...string[]],
  account: Account,
  machine: Environment,
): Launch {
  const words = [...as(account, true), ...argv];
  const env = { PATH, ...forOthers(machine), ...variablesOf(account) };
  return { program: words[0]!, args: words.slice(1), env, cwd: account.home };
}

/**
 * Looks a user of this machine up, by name or number.
 * @throws {Fault} USAGE when there is none
 */
export async function findAccount(
  name: string,
  env: Environment,
  signal: AbortSignal,
): Promise<Account> {
  const ask = async (...words: readonly [string, ...string[]]) => {
    const [program, ...args] = words;
    const { stdout, exitStatus } = await runToEnd(
      await startProgram(program, args, env, signal),
      signal,
    );
    return exitStatus === 0 ? stdout.trim() : undefined;
  };
  const entry = await ask("getent", "passwd", "--", name);
  const [user = "", , uid, gid, , home = "/", shell = "/bin/sh"] = entry?.split(":") ?? [];
  const groups = entry === undefined ? undefined : await ask("id", "-G", "--", user);
  if (groups === undefined)
    throw new Fault("USAGE", `Cannot use user "${name}": there is none of that name here`);
  return {
    name: user,
    uid: Number(uid),
    gid: Number(gid),
    groups: groups.split(" ").map(Number),
    home,
    shell,
  };
}

/** setpriv(1) gives groups; the user comes last where namespaces are entered, for that needs privileges. */
function as({ uid, gid, groups }: Identity, withUser: boolean): string[] {
  if (process.getuid?.() !== 0) return []; // then it can only be the same user
  const list = groups.length === 0 ? ["--clear-groups"] : [`--groups=${groups.join(",")}`];
  const user = withUser ? [`--reuid=${uid}`] : [];
  return ["setpriv", ...user, `--regid=${gid}`, ...list, "--"];
}

function switchUser({ uid }: Identity): string[] {
  return uid === 0 ? [] : [`--setuid=${uid}`];
}

function variablesOf({ name, home, shell }: Account): Environment {
  return { HOME: home, USER: name, LOGNAME: name, SHELL: shell };
}

async function identityOf(pid: number): Promise<Identity> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const numbers = (field: string) =>
    (new RegExp(`^${field}:(.*)$`, "m").exec(status)?.[1] ?? "")
      .split(/\s+/)
      .filter(Boolean)
      .map(Number);
  // Real, effective, saved, file system: proc_pid_status(5).
  return { uid: numbers("Uid")[1] ?? 0, gid: numbers("Gid")[1] ?? 0, groups: numbers("Groups") };
}

async function environmentOf(pid: number): Promise<Environment> {
  const text = await readFile(`/proc/${pid}/environ`, "utf8");
  const pairs = text.split("\0").flatMap((entry) => {
    const at = entry.indexOf("=");
    return at <= 0 ? [] : [[entry.slice(0, at), entry.slice(at + 1)] as const];
  });
  return forOthers(Object.fromEntries(pairs));
}

function forOthers(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !FOR_ITSELF.includes(name)));
}

async function namespacesOf(pid: number): Promise<string[]> {
  const differs = await Promise.all(
    NAMESPACES.map(async ([file]) => {
      const [theirs, ours] = await Promise.all([
        readlink(`/proc/${pid}/ns/${file}`),
        readlink(`/proc/self/ns/${file}`),
      ]);
      return theirs !== ours;
    }),
  );
  return NAMESPACES.filter((_, i) => differs[i]).map(([, option]) => option);
}
