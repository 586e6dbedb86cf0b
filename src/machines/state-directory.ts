import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, realpathSync, rmdirSync, rmSync } from "node:fs";
import { type FileHandle, open, readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { writeFileAtomic } from "#base/atomic-file.ts";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { makeDirectory } from "#base/make-directory.ts";
import { formatClusterRecord, readClusterRecord } from "#machines/cluster-record.ts";
import type { Cluster } from "#machines/core/machine.ts";
import { unusableCharacter } from "#machines/core/unusable-character.ts";

const LOCK = "lock";
const LOCK_ATTEMPTS_MAX = 100; // each time another keelson must have removed the directory meanwhile
const SOCKET_PATH_MAX = 107; // bytes, sun_path in unix(7) without its end
const DEEPEST_SOCKET = "run/systemd/private"; // in a machine's root directory
const RECORD = "cluster.json";
const MACHINES = "machines";
const PROJECTS = "projects";

/** Where the cluster on this computer is remembered. `keelson destroy` removes what is Keelson's in it. */
export class StateDirectory {
  readonly path: string;

  /** @throws {Fault} CONFIG_INVALID when machines cannot live at that path. */
  constructor(path: string) {
    this.path = resolve(path);
    this.checkNames(["core-99"]);
    const unusable = unusableCharacter(this.path);
    if (unusable !== undefined)
      throw new Fault(
        "CONFIG_INVALID",
        `Cannot keep machines in ${this.path}: it has a ${JSON.stringify(unusable)}, which units cannot name; set KEELSON_STATE to another directory`,
      );
  }

  /**
   * For machines whose sockets are seen on this computer.
   * @throws {Fault} CONFIG_INVALID when the path is too long for machines of these names.
   */
  checkNames(names: readonly string[]): void {
    for (const name of names) {
      const inside = new TextEncoder().encode(`/machines/${name}/${DEEPEST_SOCKET}`).length;
      if (new TextEncoder().encode(this.path).length + inside > SOCKET_PATH_MAX)
        throw new Fault(
          "CONFIG_INVALID",
          `Cannot keep machines in ${this.path}: the path is too long for unix sockets of ${name}; ${this.#shorten(SOCKET_PATH_MAX - inside)}`,
        );
    }
  }

  /** What to do so that the path has at most so many bytes. */
  #shorten(bytesMax: number): string {
    const parent = dirname(this.path);
    if (basename(parent) !== PROJECTS)
      return `set KEELSON_STATE to a directory of at most ${bytesMax} bytes`;
    const base = this.path.length - dirname(parent).length;
    return `set KEELSON_STATE to a directory of at most ${bytesMax - base} bytes, or shorten the names of the project and its groups`;
  }

  /** Of a project, below this one. */
  ofProject(name: string): StateDirectory {
    return new StateDirectory(join(this.path, PROJECTS, name));
  }

  /** What there is beside this cluster: the one without a project and those of projects; `this` is the common base. */
  async clusters(): Promise<readonly { readonly path: string; readonly cluster: Cluster }[]> {
    const names: string[] = await readdir(join(this.path, PROJECTS)).catch(() => []);
    const paths = [this.path, ...names.toSorted().map((name) => join(this.path, PROJECTS, name))];
    const found = paths.map(async (path) => {
      const cluster = await readClusterRecord(join(path, RECORD)).catch(() => undefined); // its own commands tell
      return cluster === undefined ? [] : [{ path, cluster }];
    });
    return (await Promise.all(found)).flat();
  }

  /** Sets what its machines have on this computer apart from others', by whatever link the directory is reached. */
  get tag(): string {
    return createHash("sha256").update(realPath(this.path)).digest("hex").slice(0, 8);
  }

  /** Where the machines' root directories are. */
  get machines(): string {
    return join(this.path, MACHINES);
  }

  /** A machine's root directory. */
  root(name: string): string {
    return join(this.machines, name);
  }

  /** Names of all machines that have a root directory, whatever the record says. */
  async machineNames(): Promise<readonly string[]> {
    const entries = await readdir(this.machines, { withFileTypes: true }).catch(
      (error: unknown) => {
        if (isErrno(error, "ENOENT")) return [];
        throw error;
      },
    );
    return entries
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .toSorted();
  }

  /** The cluster; undefined when there is none. @throws {Fault} FILE_UNREADABLE or RECORD_MALFORMED */
  async load(): Promise<Cluster | undefined> {
    return readClusterRecord(join(this.path, RECORD));
  }

  async save(cluster: Cluster): Promise<void> {
    await writeFileAtomic(join(this.path, RECORD), formatClusterRecord(cluster));
  }

  /** Removes everything that is Keelson's, and the directory when nothing else is in it. For who holds the lock. */
  async remove(): Promise<void> {
    for (const name of [MACHINES, RECORD])
      await rm(join(this.path, name), { recursive: true, force: true });
    const above = [dirname(this.path), dirname(dirname(this.path))];
    const isProject = basename(dirname(this.path)) === PROJECTS;
    // At once: who makes the lock's file anew holds a lock, and nothing of his may be removed.
    rmSync(join(this.path, LOCK), { force: true });
    for (const path of [this.path, ...(isProject ? above : [])]) removeEmpty(path);
  }

  /**
   * Keeps a second `keelson up`, `halt` or `destroy` out until disposed; the kernel frees it when its holder dies.
   * @throws {Fault} ADDRESS_IN_USE naming the process that holds it, FILE_UNWRITABLE
   */
  async lock(): Promise<AsyncDisposable> {
    const path = join(this.path, LOCK);
    for (let attempt = 1; ; attempt += 1) {
      await using stack = new AsyncDisposableStack();
      const file = stack.use(await this.#openLock(path, attempt));
      if (file === null) continue;
      if (!(await takeLock(file)))
        throw new Fault(
          "ADDRESS_IN_USE",
          `Cannot change the machines now: another keelson (process ${await file.readFile("utf8")}) is at work on them; wait for it to end`,
        );
      if (!(await isStillAt(file, path))) continue; // its last holder removed it with everything else
      await file.truncate(0);
      await file.writeFile(String(process.pid)).catch(() => {}); // a full disk must not hinder `destroy`
      return stack.move();
    }
  }

  /** Null when the directory was removed at the same moment. */
  async #openLock(path: string, attempt: number): Promise<FileHandle | null> {
    try {
      makeDirectory(this.path);
      return await open(path, "a+");
    } catch (cause) {
      if (isErrno(cause, "ENOENT") && attempt < LOCK_ATTEMPTS_MAX) return null;
      throw new Fault(
        "FILE_UNWRITABLE",
        `Cannot use ${this.path} for machines: ${reasonOf(cause)}; set KEELSON_STATE to a directory of yours`,
        { cause },
      );
    }
  }
}

/** By flock(1) on our own open file, which stays locked when that program has ended. */
async function takeLock(file: FileHandle): Promise<boolean> {
  const child = spawn("flock", ["--nonblock", "3"], {
    stdio: ["ignore", "ignore", "ignore", file.fd],
  });
  try {
    const [status] = (await once(child, "exit")) as [number | null];
    return status === 0;
  } catch (cause) {
    throw new Fault(
      "SYSTEMD_MISSING",
      `Cannot keep others off the machines: ${reasonOf(cause)}; install Debian's package util-linux (as root: apt-get install util-linux)`,
      { cause },
    );
  }
}

/** Also of a directory that is not there yet. */
function realPath(path: string): string {
  if (existsSync(path)) return realpathSync(path);
  const parent = dirname(path);
  return parent === path ? path : join(realPath(parent), basename(path));
}

async function isStillAt(file: FileHandle, path: string): Promise<boolean> {
  const there = await stat(path).catch(() => undefined);
  return there !== undefined && there.ino === (await file.stat()).ino;
}

/** The directory used without KEELSON_STATE: the computer's for root, the user's own otherwise. */
export function defaultStateDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const { KEELSON_STATE: chosen, XDG_STATE_HOME: stateHome, HOME: home } = env; // set but empty counts as unset
  if (chosen) return chosen;
  if (process.getuid?.() === 0) return "/var/lib/keelson";
  return join(stateHome || join(home || "/", ".local/state"), "keelson");
}

/** One with other things in it, or that may not be removed, stays. */
function removeEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
  }
}
