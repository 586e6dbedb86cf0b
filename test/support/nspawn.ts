import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { systemClock } from "#base/clock.ts";
import { ControlGroup, systemdHierarchies } from "#machines/control-group.ts";

const execute = promisify(execFile);

const HOME = join(import.meta.dirname, "../..");
const CACHE = "/var/cache/keelson-test";
const BOOT_LIMIT_MS = 120_000;
const COMMAND_LIMIT_MS = 300_000;
const POLL_MS = 50;

const PACKAGES =
  "systemd,systemd-sysv,dbus,dbus-user-session,libpam-systemd,util-linux,procps,hostname";

/** A Debian in which systemd is process 1; alice has a manager of systemd's without being logged in, bob has none. */
const recipe = (packages: readonly string[]): readonly string[] => [
  "--mode=root",
  "--variant=minbase",
  `--include=${[PACKAGES, ...packages].join(",")}`,
  '--customize-hook=chroot "$1" useradd --create-home --shell /bin/bash --uid 1000 alice',
  '--customize-hook=chroot "$1" useradd --create-home --shell /bin/bash --uid 1001 bob',
  '--customize-hook=mkdir -p "$1/var/lib/systemd/linger" && touch "$1/var/lib/systemd/linger/alice"',
  '--customize-hook=rm -f "$1/etc/systemd/system/timers.target.wants/"*',
  "bookworm",
];

/** Everything changed lies in namespaces and on tmpfs, and goes with the last process. */
const BOOT = `
for file; do echo $$ > "$file"; done
exec unshare --mount --propagation=private sh -ec '
  mount -n -t tmpfs tmpfs /run
  mount -n -t tmpfs tmpfs "$WORK"
  mkdir "$WORK/upper" "$WORK/work" "$WORK/root"
  mount -n -t overlay overlay -o "lowerdir=$TREE,upperdir=$WORK/upper,workdir=$WORK/work" "$WORK/root"
  exec systemd-nspawn --quiet --boot --register=no --keep-unit --private-network --machine=keelson-test \\
    --directory="$WORK/root" --bind-ro="$KEELSON:/opt/keelson"
'
`;

const SETPRIV = ["--pdeathsig=KILL"]; // so that the host ends also when the tests are killed

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `unified`: version 2 of control groups alone, as computers have it today; `mixed`: both, where this computer has. */
export type CgroupLayout = "unified" | "mixed";

/** Which layouts a host booted on this computer can have. */
export async function cgroupLayouts(): Promise<readonly CgroupLayout[]> {
  return (await systemdHierarchies()).length > 1 ? ["unified", "mixed"] : ["unified"];
}

/** A computer that systemd booted, as a container; the repository is in /opt/keelson. */
export interface SystemdHost extends AsyncDisposable {
  /** Its root directory, as this computer reaches it. */
  readonly root: string;
  /** Runs a bash script there as that user, in a service of its own, as if it came by ssh. */
  run(user: string, script: string): Promise<Outcome>;
}

/**
 * Boots one; the first time on a computer this builds its tree, which takes a minute or two. Needs root.
 * @param packages what it has beside systemd
 */
export async function bootSystemdHost(
  layout: CgroupLayout,
  packages: readonly string[] = [],
): Promise<SystemdHost> {
  const tree = await debianTree(recipe(packages));
  await using stack = new AsyncDisposableStack();
  const work = await mkdtemp("/tmp/keelson-host-");
  stack.defer(() => rm(work, { recursive: true }));
  const group = new ControlGroup(
    await systemdHierarchies(),
    `keelson-host-${work.slice(-6)}.slice`,
  );
  const never = new AbortController().signal;
  stack.defer(async () => {
    await group.kill(systemClock, never);
    await group.remove();
  });
  const consolePath = join(work, "console.log");
  const console = stack.use(await open(consolePath, "w"));
  const child = spawn(
    "setpriv",
    [...SETPRIV, "sh", "-ec", BOOT, "sh", ...(await group.create(""))],
    {
      stdio: ["ignore", console.fd, console.fd],
      env: {
        PATH: process.env["PATH"],
        WORK: work,
        TREE: tree,
        KEELSON: HOME,
        ...(layout === "unified" ? { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1" } : {}),
      },
    },
  );
  await once(child, "spawn");
  const exited = once(child, "exit");
  stack.defer(async () => {
    await group.kill(systemClock, never);
    await exited;
  });
  const leader = await untilBooted(child, consolePath);
  const owned = stack.move();
  return {
    root: `/proc/${leader}/root`,
    run: (user, script) => runIn(child.pid ?? 0, user, script),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function untilBooted(
  child: { readonly exitCode: number | null; readonly pid?: number | undefined },
  console: string,
): Promise<number> {
  const endMs = Date.now() + BOOT_LIMIT_MS;
  const isUp = ["systemctl", "is-active", "--quiet", "multi-user.target", "user@1000.service"];
  for (;;) {
    const leader = await leaderOf(child.pid ?? 0);
    if (leader !== undefined && (await enter(leader, isUp)).status === 0) return leader;
    if (child.exitCode !== null || Date.now() > endMs)
      throw new Error(`the test host did not boot:\n${await readFile(console, "utf8")}`);
    await sleep(POLL_MS);
  }
}

async function runIn(nspawn: number, user: string, script: string): Promise<Outcome> {
  const leader = await leaderOf(nspawn);
  if (leader === undefined) throw new Error("the test host is gone");
  const home = user === "root" ? "/root" : `/home/${user}`;
  const [uid] = (await enter(leader, ["id", "-u", user])).stdout.split("\n");
  return enter(leader, [
    "systemd-run",
    "--quiet",
    "--pipe",
    "--wait",
    "--collect",
    `--uid=${user}`,
    `--working-directory=${home}`,
    `--setenv=HOME=${home}`,
    "--setenv=PATH=/opt/keelson/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "--setenv=KEELSON_SOURCE=1",
    ...(uid === "0"
      ? []
      : [
          `--setenv=XDG_RUNTIME_DIR=/run/user/${uid}`,
          `--setenv=DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/${uid}/bus`,
        ]),
    "bash",
    "-c",
    script.replaceAll("$", "$$$$"), // $$ is systemd's way to write a $
  ]);
}

/** Runs a command as the host's root. */
async function enter(leader: number, argv: readonly string[]): Promise<Outcome> {
  const env = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"];
  try {
    const args = [`--target=${leader}`, "--all", ...env, ...argv];
    return {
      status: 0,
      ...(await execute("nsenter", args, { signal: AbortSignal.timeout(COMMAND_LIMIT_MS) })),
    };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    if (typeof code !== "number") throw error;
    return { status: code, stdout, stderr };
  }
}

/** The host's process 1, as this computer sees it. */
async function leaderOf(nspawn: number): Promise<number | undefined> {
  const children = await readFile(`/proc/${nspawn}/task/${nspawn}/children`, "utf8").catch(
    () => "",
  );
  for (const child of children.split(" ").filter(Boolean)) {
    const comm = await readFile(`/proc/${child}/comm`, "utf8").catch(() => "");
    if (comm.trim() === "systemd") return Number(child);
  }
  return undefined;
}

/** Kept between runs; a changed recipe makes a new one. */
async function debianTree(steps: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(steps.join("\n")).digest("hex").slice(0, 8);
  const tree = join(CACHE, `debian-12-${hash}`);
  if (existsSync(tree)) return tree;
  await mkdir(CACHE, { recursive: true });
  const building = await mkdtemp(join(CACHE, "building-"));
  try {
    await execute("mmdebstrap", [...steps, building], { maxBuffer: 16 * 1024 * 1024 });
    await rename(building, tree).catch((error: unknown) => {
      if (!existsSync(tree)) throw error; // another run was faster
    });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return tree;
}
