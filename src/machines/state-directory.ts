import { spawn } from "node:child_process";
import { once } from "node:events";
import { type FileHandle, open, readdir, readFile, rm, rmdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import * as v from "valibot";
import { writeFileAtomic } from "#base/atomic-file.ts";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { makeDirectory } from "#base/make-directory.ts";
import { type Cluster, PLAIN_EQUIPMENT } from "#machines/core/machine.ts";
import { unusableCharacter } from "#machines/core/unusable-character.ts";

const Hex = v.pipe(v.string(), v.regex(/^[0-9a-f]+$/));
const StoredMachine = v.object({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9-]+$/)),
  number: v.pipe(v.number(), v.integer(), v.minValue(1)),
  id: v.pipe(Hex, v.length(32)),
  address: v.pipe(v.string(), v.ipv4()),
  metadata: v.record(v.string(), v.string()),
  equipment: v.optional(
    v.object({
      folders: v.array(v.object({ host: v.string(), path: v.string(), readOnly: v.boolean() })),
      memoryBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
      cpus: v.optional(v.pipe(v.number(), v.gtValue(0))),
      channel: v.optional(v.string()),
      packages: v.optional(v.array(v.string())),
    }),
    PLAIN_EQUIPMENT,
  ),
});
const StoredCluster = v.object({
  version: v.literal(1),
  network: v.string(),
  idPrefix: v.pipe(Hex, v.length(6)),
  servers: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)), 1),
  machines: v.array(StoredMachine),
});

const LOCK = "lock";
const LOCK_ATTEMPTS_MAX = 100; // each time another keelson must have removed the directory meanwhile
const SOCKET_PATH_MAX = 107; // bytes, sun_path in unix(7) without its end
const DEEPEST_SOCKET = "machines/core-99/run/systemd/private";

/** Where the cluster on this computer is remembered. `keelson destroy` removes what is Keelson's in it. */
export class StateDirectory {
  readonly path: string;

  /** @throws {Fault} CONFIG_INVALID when machines cannot live at that path. */
  constructor(path: string) {
    this.path = resolve(path);
    const bytes = new TextEncoder().encode(join(this.path, DEEPEST_SOCKET)).length;
    if (bytes > SOCKET_PATH_MAX)
      throw new Fault(
        "CONFIG_INVALID",
        `Cannot keep machines in ${this.path}: the path is too long for unix sockets; set KEELSON_STATE to a directory of at most ${SOCKET_PATH_MAX - DEEPEST_SOCKET.length - 1} bytes`,
      );
    const unusable = unusableCharacter(this.path);
    if (unusable !== undefined)
      throw new Fault(
        "CONFIG_INVALID",
        `Cannot keep machines in ${this.path}: it has a ${JSON.stringify(unusable)}, which units cannot name; set KEELSON_STATE to another directory`,
      );
  }

  /** A machine's root directory. */
  root(name: string): string {
    return join(this.path, "machines", name);
  }

  /** Names of all machines that have a root directory, whatever the record says. */
  async machineNames(): Promise<readonly string[]> {
    const entries = await readdir(join(this.path, "machines"), { withFileTypes: true }).catch(
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

  /** The cluster; undefined when there is none. */
  async load(): Promise<Cluster | undefined> {
    const path = join(this.path, "cluster.json");
    const text = await readFile(path, "utf8").catch((error: unknown) => {
      if (isErrno(error, "ENOENT")) return undefined;
      throw new Fault("FILE_UNREADABLE", `Cannot read ${path}: ${reasonOf(error)}`, {
        cause: error,
      });
    });
    if (text === undefined) return undefined;
    const result = v.safeParse(v.pipe(v.string(), v.parseJson(), StoredCluster), text);
    if (result.success) return result.output;
    const [issue] = result.issues;
    throw new Fault(
      "RECORD_MALFORMED",
      `Cannot use ${path}: ${v.getDotPath(issue) ?? "file"}: ${issue.message}; mend it, or remove all machines with \`keelson destroy\``,
    );
  }

  async save(cluster: Cluster): Promise<void> {
    const text = JSON.stringify({ version: 1, ...cluster }, undefined, 2);
    await writeFileAtomic(join(this.path, "cluster.json"), `${text}\n`);
  }

  /** Removes everything that is Keelson's, and the directory when nothing else is in it. For who holds the lock. */
  async remove(): Promise<void> {
    for (const name of ["machines", "cluster.json", LOCK])
      await rm(join(this.path, name), { recursive: true, force: true });
    await rmdir(this.path).catch(() => {}); // a directory with other things in it is no error
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
