import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

/** A `systemd --user` manager of its own, with its journal, alone in its control group and mount namespace. */
export interface PrivateSystemd extends AsyncDisposable {
  /** D-Bus without a bus. */
  readonly socketPath: string;
  readonly runtimeDir: string;
  /** The journal's files, for `journalctl --directory`. */
  readonly journalDir: string;
  /** For `systemctl --user` and `journalctl`. */
  readonly env: Readonly<Record<string, string>>;
  /** Its files; removed with it. Unit files may be put under `etc/systemd/system`. */
  readonly root: string;
  /** The manager itself, for `nsenter -t PID -m -u`. */
  readonly pid: number;
  /** Kills the manager alone, as a crash would. */
  kill(): Promise<void>;
}

const START_LIMIT_MS = 30_000; // far above what a start takes, for a busy machine
const POLL_MS = 10;

/** Why no private manager can be started here, for a test's `skip`; false where one can. */
export function privateSystemdMissing(): string | false {
  if (process.getuid?.() !== 0) return "needs root";
  if (!existsSync("/lib/systemd/systemd")) return "needs systemd installed";
  return false;
}

/** Starts one and waits until it answers; works also where systemd did not boot the machine. */
export async function startPrivateSystemd(
  options: { readonly env?: Readonly<Record<string, string>> } = {},
): Promise<PrivateSystemd> {
  await using stack = new AsyncDisposableStack();
  const root = await mkdtemp("/tmp/keelson-systemd-");
  const groups = controlGroups(`keelson-test-${root.slice(-6)}.slice`);
  stack.adopt(startGuard(root, groups), endByGuard);
  await layOut(root);
  for (const group of groups) await mkdir(join(group, "user@0.service"), { recursive: true });

  const env = environment(root);
  const child = spawn(
    "/bin/bash",
    ["-ec", ENTER_GROUPS, "bash", ...groups.map((g) => join(g, "user@0.service"))],
    {
      env: { ...env, ...options.env, ROOT: root, SETUP: SET_UP },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  const socketPath = join(root, "run/systemd/private");
  await waitUntilAnswering(child, socketPath);
  const owned = stack.move();
  return {
    socketPath,
    runtimeDir: join(root, "run"),
    journalDir: join(root, "var/log/journal"),
    env,
    root,
    pid: child.pid!,
    async kill() {
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/**
 * Waits until its input ends, which also happens when the test's process dies; then kills all that is in the control
 * groups and removes them and the files.
 */
const GUARD = `
trap '' HUP INT TERM
cat > /dev/null
root=$1; shift
for attempt in $(seq 1000); do
  pids=$(find "$@" -name cgroup.procs -exec cat {} + 2> /dev/null | grep -vx 0 | sort -u)
  [ -n "$pids" ] || break
  kill -KILL $pids 2> /dev/null
  sleep 0.02
done
rm -rf "$root"
for group; do [ ! -d "$group" ] || find "$group" -depth -type d -exec rmdir {} + || exit 1; done`;

function startGuard(root: string, groups: readonly string[]): ChildProcess {
  const guard = spawn("/bin/bash", ["-c", GUARD, "bash", root, ...groups], {
    detached: true, // a Ctrl-C in the terminal ends the tests, not what cleans up after them
    stdio: ["pipe", "ignore", "inherit"],
  });
  guard.unref();
  return guard;
}

async function endByGuard(guard: ChildProcess): Promise<void> {
  guard.ref();
  const exited = once(guard, "exit");
  guard.stdin?.end();
  const [status] = await exited;
  if (status !== 0) throw new Error("processes of a private systemd do not end");
}

/** The shell joins the control groups before it starts anything, so that nothing escapes them. */
const ENTER_GROUPS = `
for group; do echo $$ > "$group/cgroup.procs"; done
exec unshare --mount --uts --propagation private /bin/bash -ec "$SETUP"`;

/** Inside the namespace: own /run, journal, machine id and host name; then the manager takes the shell's place. */
const SET_UP = `
unset SETUP
hostname keelson-test
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system /run/systemd/journal
touch /run/systemd/journal/flushed # the journal goes to /var/log at once
mount -t tmpfs -o mode=755 tmpfs /var/log
mkdir /var/log/journal
mount --bind "$ROOT/var/log/journal" /var/log/journal
mount --bind "$ROOT/etc/machine-id" /etc/machine-id
mount --bind "$ROOT/etc/journald.conf" /etc/systemd/journald.conf
unset ROOT
/lib/systemd/systemd-journald > /dev/null 2>&1 &
# What units print before the journal listens would be lost.
until [ -S /run/systemd/journal/stdout ]; do sleep 0.01; done
exec /lib/systemd/systemd --user --log-target=journal`;

// A test's journal holds what its units say: nothing of the kernel, nothing left out.
const JOURNALD_CONF = "[Journal]\nStorage=persistent\nReadKMsg=no\nAudit=no\nRateLimitBurst=0\n";

async function layOut(root: string): Promise<void> {
  for (const path of ["run", "etc/systemd/system", "var/log/journal"])
    await mkdir(join(root, path), { recursive: true });
  await writeFile(join(root, "etc/machine-id"), `${randomBytes(16).toString("hex")}\n`);
  await writeFile(join(root, "etc/journald.conf"), JOURNALD_CONF);
}

function environment(root: string): Record<string, string> {
  const runtime = join(root, "run");
  return {
    PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: root,
    XDG_RUNTIME_DIR: runtime,
    // Not /etc/systemd/user: units the host enables for its users have no place in a test.
    SYSTEMD_UNIT_PATH: [
      join(root, "etc/systemd/system"),
      join(runtime, "systemd/system"),
      join(runtime, "systemd/user"),
      join(runtime, "systemd/transient"),
      "/usr/lib/systemd/user",
    ].join(":"),
  };
}

/** The directories of a group in every hierarchy that systemd uses: version 2, or the hybrid of 1 and 2. */
function controlGroups(name: string): string[] {
  const hierarchies = existsSync("/sys/fs/cgroup/cgroup.controllers")
    ? ["/sys/fs/cgroup"]
    : ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"].filter((path) => existsSync(path));
  return hierarchies.map((hierarchy) => join(hierarchy, name));
}

async function waitUntilAnswering(child: ChildProcess, socketPath: string): Promise<void> {
  const complaints = child.stderr ? text(child.stderr) : Promise.resolve("");
  const deadline = Date.now() + START_LIMIT_MS;
  while (!(await accepts(socketPath))) {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined)
      throw new Error(`the private systemd ended: ${(await complaints).trim()}`);
    if (Date.now() > deadline)
      throw new Error(`the private systemd did not listen within ${START_LIMIT_MS} ms`);
    await sleep(POLL_MS);
  }
}

async function accepts(socketPath: string): Promise<boolean> {
  const probe = connect(socketPath);
  try {
    await once(probe, "connect");
    return true;
  } catch {
    return false;
  } finally {
    probe.destroy();
  }
}
