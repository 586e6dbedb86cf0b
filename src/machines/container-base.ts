import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import {
  type FileHandle,
  mkdtemp,
  open,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  utimes,
} from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { makeDirectory } from "#base/make-directory.ts";
import { keepPrivate } from "#machines/container-tools.ts";
import { baseRecipe, isPackageName } from "#machines/core/container-recipe.ts";

const UNUSED_DAYS_MAX = 30;
const DAY_MS = 24 * 60 * 60 * 1000;
const LAST_LINES = 8;
const WITH_US = ["--pdeathsig=KILL"]; // setpriv(1): it ends when we do, however that is
const TREE = /^debian-[0-9a-f]{12}$/;
const BUILDING = "building-";
const USERS = ".users";

export interface ContainerBaseInit {
  /** Where trees are kept between clusters, such as `/var/cache/keelson`. */
  readonly directory: string;
  /** Of mmdebstrap(1): a PATH with root's directories, and perhaps a proxy. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Tells a person what takes its time now. */
  readonly report: (what: string) => void;
}

/**
 * The trees that containers' disks begin as, one for each set of packages: made once on a computer, shared by all its
 * clusters, read-only for them.
 */
export class ContainerBase {
  readonly #init: ContainerBaseInit;
  /** Containers that boot at the same time wait for the same tree. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(init: ContainerBaseInit) {
    this.#init = init;
  }

  /**
   * The tree with these packages, built when it is not there; kept at least as long as `user`, the directory of the
   * machine that it is for.
   * @throws {Fault} CONFIG_INVALID for packages that there are not, FILE_UNWRITABLE
   */
  async tree(packages: readonly string[], user: string, signal: AbortSignal): Promise<string> {
    const unusable = packages.find((name) => !isPackageName(name));
    if (unusable !== undefined)
      throw new Fault("CONFIG_INVALID", `Cannot install "${unusable}": not a name of a package`);
    const recipe = baseRecipe(packages);
    const tree = join(this.#init.directory, `debian-${digest(recipe.join("\0"), 12)}`);
    if (!existsSync(tree)) await this.#shared(tree, recipe, signal);
    await keepPrivate(this.#init.directory); // also one from before it was
    await noteUser(tree, user);
    return tree;
  }

  async #shared(tree: string, recipe: readonly string[], signal: AbortSignal): Promise<void> {
    const building = this.#underWay.get(tree) ?? this.#build(tree, recipe, signal);
    this.#underWay.set(tree, building);
    try {
      await building;
    } finally {
      this.#underWay.delete(tree);
    }
  }

  async #build(tree: string, recipe: readonly string[], signal: AbortSignal): Promise<void> {
    const { directory, report } = this.#init;
    await using lock = await this.#openLock();
    await takeLock(
      lock,
      () => report("waiting for another keelson that makes a base tree"),
      signal,
    );
    if (existsSync(tree)) return; // the other one made it
    await removeOld(directory);
    report("making the base tree of containers, once for this computer: a minute or two");
    const building = await mkdtemp(join(directory, BUILDING));
    try {
      const made = join(building, "tree");
      await this.#bootstrap([...recipe, made], building, signal);
      await rename(made, tree);
    } finally {
      await rm(building, { recursive: true, force: true });
    }
  }

  async #openLock(): Promise<FileHandle> {
    const { directory } = this.#init;
    try {
      await keepPrivate(directory);
      return await open(join(directory, "lock"), "a");
    } catch (cause) {
      throw new Fault(
        "FILE_UNWRITABLE",
        `Cannot keep base trees in ${directory}: ${reasonOf(cause)}`,
        {
          cause,
        },
      );
    }
  }

  /** In namespaces of its own, so that what it started and mounted goes with it when it is interrupted. */
  async #bootstrap(args: readonly string[], temporary: string, signal: AbortSignal): Promise<void> {
    const child = spawn(
      "setpriv",
      [...WITH_US, "unshare", "--mount", "--pid", "--fork", "--kill-child", "mmdebstrap", ...args],
      { stdio: ["ignore", "ignore", "pipe"], env: { ...this.#init.env, TMPDIR: temporary } },
    );
    const end = () => void child.kill("SIGKILL");
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
    const said = this.#follow(child.stderr);
    const [status] = (await once(child, "close")) as [number | null]; // nothing of it runs any more
    signal.removeEventListener("abort", end);
    signal.throwIfAborted();
    if (status === 0) return;
    throw new Fault(
      "CONFIG_INVALID",
      `Cannot make the base tree of containers: mmdebstrap ended with ${status}; are all packages named right, and is a mirror of Debian in reach?\n${tellingLines(await said)}`,
    );
  }

  /** Tells of each step as it begins. */
  async #follow(stderr: NodeJS.ReadableStream): Promise<readonly string[]> {
    const lines: string[] = [];
    for await (const line of createInterface({ input: stderr })) {
      lines.push(line);
      const [, step] = /^I: (.+)\.\.\.$/.exec(line) ?? [];
      if (step !== undefined) this.#init.report(`base tree: ${step}`);
    }
    return lines;
  }
}

/** What apt or dpkg complained of, else the last lines. */
function tellingLines(lines: readonly string[]): string {
  const faults = lines.filter((line) =>
    /^(E|W|dpkg): (?!setup failed|mmdebstrap failed)/.test(line),
  );
  return (faults.length > 0 ? faults : lines).slice(-LAST_LINES).join("\n");
}

/** By flock(1) on our own open file; the kernel frees it when its holder dies. */
async function takeLock(file: FileHandle, onWait: () => void, signal: AbortSignal): Promise<void> {
  const flock = async (...args: string[]) => {
    const child = spawn("flock", [...args, "3"], {
      stdio: ["ignore", "ignore", "ignore", file.fd],
      signal,
    });
    const [status] = (await once(child, "exit")) as [number | null];
    return status === 0;
  };
  if (await flock("--nonblock")) return;
  onWait();
  await flock();
  signal.throwIfAborted();
}

/** A tree is in use as long as the link leads to a machine's directory. */
async function noteUser(tree: string, user: string): Promise<void> {
  const now = new Date();
  makeDirectory(`${tree}${USERS}`);
  await utimes(`${tree}${USERS}`, now, now);
  await symlink(user, join(`${tree}${USERS}`, digest(user, 16))).catch((error: unknown) => {
    if (!isErrno(error, "EEXIST")) throw error;
  });
}

/** Removes what was cut off, and trees that no machine has and none had for a month. For who holds the lock. */
async function removeOld(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    if (name.startsWith(BUILDING)) await rm(path, { recursive: true, force: true });
    if (!TREE.test(name) || (await isUsed(`${path}${USERS}`))) continue;
    await rm(path, { recursive: true, force: true });
    await rm(`${path}${USERS}`, { recursive: true, force: true });
  }
}

async function isUsed(users: string): Promise<boolean> {
  const links = await readdir(users).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
  if (links.some((link) => existsSync(join(users, link)))) return true; // existsSync follows them
  const lastUse = await stat(users).catch(() => undefined);
  return lastUse !== undefined && Date.now() - lastUse.mtimeMs < UNUSED_DAYS_MAX * DAY_MS;
}

function digest(text: string, length: number): string {
  return createHash("sha256").update(text).digest("hex").slice(0, length);
}
