import { mkdir, open, readdir, readFile, rm, unlink } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { writeFileAtomic } from "#base/atomic-file.ts";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import type { Cluster } from "#machines/core/machine.ts";
import { identify, isAlive, readRunningProcess } from "#machines/running-process.ts";

const Hex = v.pipe(v.string(), v.regex(/^[0-9a-f]+$/));
const StoredMachine = v.object({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9-]+$/)),
  number: v.pipe(v.number(), v.integer(), v.minValue(1)),
  id: v.pipe(Hex, v.length(32)),
  address: v.pipe(v.string(), v.ipv4()),
  metadata: v.record(v.string(), v.string()),
});
const StoredCluster = v.object({
  version: v.literal(1),
  network: v.string(),
  idPrefix: v.pipe(Hex, v.length(6)),
  machines: v.array(StoredMachine),
});

const SOCKET_PATH_MAX = 107; // bytes, sun_path in unix(7) without its end
const DEEPEST_SOCKET = "machines/core-99/run/systemd/private";

/** Where the cluster on this computer is remembered: one directory, removed whole by `keelson destroy`. */
export class StateDirectory {
  readonly path: string;

  constructor(path: string) {
    if (join(path, DEEPEST_SOCKET).length > SOCKET_PATH_MAX)
      throw new Fault(
        "CONFIG_INVALID",
        `Cannot keep machines in ${path}: the path is too long for unix sockets; set KEELSON_STATE to a directory of at most ${SOCKET_PATH_MAX - DEEPEST_SOCKET.length - 1} bytes`,
      );
    this.path = path;
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

  /** Removes everything. */
  async remove(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  /**
   * Keeps a second `keelson up`, `halt` or `destroy` out until disposed.
   * @throws {Fault} ADDRESS_IN_USE naming the process that holds it; one that died is replaced.
   */
  async lock(): Promise<AsyncDisposable> {
    const path = join(this.path, "lock");
    await mkdir(this.path, { recursive: true });
    const self = await identify(process.pid);
    for (;;) {
      try {
        await using file = await open(path, "wx");
        await file.writeFile(JSON.stringify(self));
        return { [Symbol.asyncDispose]: () => unlink(path).catch(() => {}) };
      } catch (error) {
        if (!isErrno(error, "EEXIST"))
          throw new Fault(
            "FILE_UNWRITABLE",
            `Cannot use ${this.path} for machines: ${reasonOf(error)}; set KEELSON_STATE to a directory of yours`,
            { cause: error },
          );
      }
      const holder = await readRunningProcess(path);
      if (holder !== undefined && (await isAlive(holder)))
        throw new Fault(
          "ADDRESS_IN_USE",
          `Cannot change the machines now: another keelson (process ${holder.pid}) is at work on them; wait for it to end`,
        );
      await rm(path, { force: true });
    }
  }
}

/** The directory used without KEELSON_STATE: the computer's for root, the user's own otherwise. */
export function defaultStateDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const { KEELSON_STATE: chosen, XDG_STATE_HOME: stateHome, HOME: home = "/" } = env;
  if (chosen !== undefined && chosen !== "") return chosen;
  if (process.getuid?.() === 0) return "/var/lib/keelson";
  return join(stateHome ?? join(home, ".local/state"), "keelson");
}
