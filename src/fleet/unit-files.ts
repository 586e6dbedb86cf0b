import { createHash } from "node:crypto";
import { readdir, readFile, rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { writeFileAtomic } from "#base/atomic-file.ts";
import { Fault, isErrno, reasonOf } from "#base/fault.ts";
import { makeDirectory } from "#base/make-directory.ts";
import { LEASE_UNITS } from "#systemd/core/lease-units.ts";
import { isUnitName, type UnitName, unitNameParts } from "#unitfile/core/unit-name.ts";

/** What an agent remembers of the units it started, across restarts of itself but not of systemd. */
export interface LaunchRecord {
  /** The run of systemd that this is about; another one has started nothing yet. */
  readonly systemdRun: string;
  readonly launched: readonly string[];
  /** Which run of each that was, where that is known. */
  readonly runs: Readonly<Record<string, number>>;
}

/** How far a daemon followed the store, across restarts of itself. */
export interface StoreRecord {
  /** Empty when the store tells none. */
  readonly cluster: string;
  readonly index: number;
  /** The store's index when it was found restored, if it was. */
  readonly restoredIndex?: number | undefined;
  /** Whether the wait that followed was over. */
  readonly isSettled?: boolean | undefined;
}

/** The unit files of an agent and its record of what it launched. */
export interface UnitFiles {
  /** Names and hashes of the unit files that are there; templates and other files do not count. */
  list(): Promise<Map<UnitName, string>>;
  /** With its drop-in, or without one. */
  write(name: UnitName, raw: string, dropIn: string | undefined): Promise<void>;
  /** With its drop-in; a file that is not there is removed already. */
  remove(name: UnitName): Promise<void>;
  /** Where systemd finds the file. */
  path(name: UnitName): string;
  readLaunched(): Promise<LaunchRecord | undefined>;
  writeLaunched(record: LaunchRecord): Promise<void>;
  readStore(): Promise<StoreRecord | undefined>;
  writeStore(record: StoreRecord): Promise<void>;
  readLease(): Promise<LeaseRecord | undefined>;
  writeLease(record: LeaseRecord): Promise<void>;
  /** Puts the unit's fencing token where its drop-in has it read from; undefined removes it. */
  writeToken(name: UnitName, token: number | undefined): Promise<void>;
}

/** What an agent remembers of units that run by the machine's lease, across restarts of itself. */
export interface LeaseRecord {
  /** The time since the lease began, as systemd names it. */
  readonly run: string;
  readonly leased: readonly string[];
  /** Those of them that ended by themselves. */
  readonly ended: readonly string[];
}

/** The hash by which fleet knows the text of a unit file: SHA-1, in hexadecimal. */
export function hashOf(raw: string): string {
  return createHash("sha1").update(raw).digest("hex");
}

/** Read before drop-ins of other names, which so prevail, systemd.unit(5). */
const DROP_IN = "00-fleet-needs.conf";

export interface UnitDirectories {
  /** Unit files are kept here, outside of where systemd looks. */
  readonly units: string;
  /** Where systemd looks for `NAME.d` of units that are linked. */
  readonly dropIns: string;
}

const RecordWire = v.object({
  systemdRun: v.string(),
  launched: v.array(v.string()),
  runs: v.optional(v.record(v.string(), v.number()), {}),
});
const StoreWire = v.object({
  cluster: v.string(),
  index: v.number(),
  restoredIndex: v.optional(v.number()),
  isSettled: v.optional(v.boolean()),
});
const NamesWire = v.array(v.string());
const LeaseWire = v.object({ run: v.string(), leased: NamesWire, ended: NamesWire });

/** Unit files in a directory, which is made when missing; records lie beside it, systemd's own units where drop-ins are. */
export async function openUnitFiles(directories: UnitDirectories): Promise<UnitFiles> {
  const directory = directories.units;
  makeUnitDirectory(directory, "; choose another units_directory");
  const path = (name: string) => join(directory, name);
  const dropInPath = (name: string) => join(directories.dropIns, `${name}.d`, DROP_IN);
  const recordPath = join(dirname(directory), "launched.json");
  const storePath = join(dirname(directory), "store.json");
  const leasePath = join(dirname(directory), "lease.json");
  // The manager's runtime directory, %t: it looks in `systemd/system` or `systemd/user` below it.
  const tokens = join(dirname(dirname(directories.dropIns)), "fleet-tokens");
  makeUnitDirectory(directories.dropIns, "");
  for (const [name, text] of LEASE_UNITS)
    await writeFileAtomic(join(directories.dropIns, name), text);
  return {
    path,
    list: async () => {
      const names = (await readdir(directory)).filter(isLoadable).sort();
      const files = names.map(
        async (name) => [name, hashOf(await readFile(path(name), "utf8"))] as const,
      );
      return new Map(await Promise.all(files));
    },
    write: async (name, raw, dropIn) => {
      // First, so that a unit whose file is there never lacks it.
      await writeDropIn(dropInPath(name), dropIn);
      await writeFileAtomic(path(name), raw);
    },
    remove: async (name) => {
      await unlinkIfThere(path(name));
      await writeDropIn(dropInPath(name), undefined);
    },
    readLease: () => readRecord(leasePath, LeaseWire),
    writeLease: (record) => writeFileAtomic(leasePath, JSON.stringify(record)),
    writeToken: async (name, token) => {
      if (token === undefined) return unlinkIfThere(join(tokens, name));
      makeDirectory(tokens);
      await writeFileAtomic(join(tokens, name), `FLEET_FENCING_TOKEN=${token}\n`);
    },
    readLaunched: () => readRecord(recordPath, RecordWire),
    writeLaunched: (record) => writeFileAtomic(recordPath, JSON.stringify(record)),
    readStore: () => readRecord(storePath, StoreWire),
    writeStore: (record) => writeFileAtomic(storePath, JSON.stringify(record)),
  };
}

/** Unit files in memory, for simulations; `texts` holds them by path. */
export class MemoryUnitFiles implements UnitFiles {
  readonly texts = new Map<string, string>();
  /** Drop-ins by the name of their unit. */
  readonly dropIns = new Map<UnitName, string>();
  /** Fencing tokens by the name of their unit. */
  readonly tokens = new Map<UnitName, number>();
  #record: LaunchRecord | undefined;
  #lease: LeaseRecord | undefined;
  #store: StoreRecord | undefined;
  readonly #directory: string;

  constructor(directory = "/run/fleet/units") {
    this.#directory = directory;
  }

  async list(): Promise<Map<UnitName, string>> {
    const files = new Map<UnitName, string>();
    for (const [path, raw] of this.texts) {
      const name = path.slice(this.#directory.length + 1);
      if (isLoadable(name)) files.set(name, hashOf(raw));
    }
    return files;
  }

  async write(name: UnitName, raw: string, dropIn: string | undefined): Promise<void> {
    this.texts.set(this.path(name), raw);
    if (dropIn === undefined) this.dropIns.delete(name);
    else this.dropIns.set(name, dropIn);
  }

  async remove(name: UnitName): Promise<void> {
    this.texts.delete(this.path(name));
    this.dropIns.delete(name);
  }

  path(name: UnitName): string {
    return `${this.#directory}/${name}`;
  }

  async readLease(): Promise<LeaseRecord | undefined> {
    return this.#lease;
  }

  async writeLease(record: LeaseRecord): Promise<void> {
    this.#lease = record;
  }

  async writeToken(name: UnitName, token: number | undefined): Promise<void> {
    if (token === undefined) this.tokens.delete(name);
    else this.tokens.set(name, token);
  }

  async readStore(): Promise<StoreRecord | undefined> {
    return this.#store;
  }

  async writeStore(record: StoreRecord): Promise<void> {
    this.#store = record;
  }

  async readLaunched(): Promise<LaunchRecord | undefined> {
    return this.#record;
  }

  async writeLaunched(record: LaunchRecord): Promise<void> {
    this.#record = record;
  }
}

function isLoadable(name: string): name is UnitName {
  return isUnitName(name) && unitNameParts(name).kind !== "template";
}

/** Without a text it goes, and so does its directory unless others keep files there. */
async function writeDropIn(path: string, text: string | undefined): Promise<void> {
  const directory = dirname(path);
  if (text !== undefined) {
    makeDirectory(directory);
    return writeFileAtomic(path, text);
  }
  await unlinkIfThere(path);
  await rmdir(directory).catch((error: unknown) => {
    if (!isErrno(error, "ENOENT") && !isErrno(error, "ENOTEMPTY")) throw error;
  });
}

async function unlinkIfThere(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (!isErrno(error, "ENOENT")) throw error;
  });
}

/** A record that is missing or unreadable counts as none: what runs is then adopted as it is. */
async function readRecord<Schema extends v.GenericSchema>(
  path: string,
  schema: Schema,
): Promise<v.InferOutput<Schema> | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(path, "utf8"));
    const result = v.safeParse(schema, parsed);
    return result.success ? result.output : undefined;
  } catch (error) {
    if (isErrno(error, "ENOENT") || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** @throws {Fault} FILE_UNWRITABLE */
function makeUnitDirectory(path: string, advice: string): void {
  try {
    makeDirectory(path);
  } catch (cause) {
    const message = `Cannot make ${path} for unit files: ${reasonOf(cause)}${advice}`;
    throw new Fault("FILE_UNWRITABLE", message, { cause });
  }
}
