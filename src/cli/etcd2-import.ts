import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import {
  ACCESS_HELP,
  ACCESS_OPTIONS,
  accessOf,
  listOf,
  parseToolOptions,
} from "#cli/etcd2-backup-options.ts";
import { importRoles } from "#cli/etcd2-import-auth.ts";
import {
  compareAfter,
  type Item,
  itemsOf,
  type Plan,
  planImport,
  type Step,
} from "#cli/etcd2-import-plan.ts";
import type { Io, Program } from "#cli/program.ts";
import { type KeysClient, openKeysClient } from "#keys/client.ts";
import { isHiddenName } from "#keys/core/key-path.ts";
import { KeysError } from "#keys/core/keys-error.ts";

const HELP = `Usage: keelson etcd2 import --from URLS [--to URLS] [flags]

Copies keys, directories and what is left of their times to live from a running etcd v2, or another Keelson, to this
one, and compares the two at the end. Nothing is removed at the target. It can be run again, and then writes only what
differs; run it last when nobody writes to the source any more.

  --from URLS                            the store to read
  --to http://127.0.0.1:2379             the store to write
  --prefix /                             only this part
  --also KEYS                            hidden keys to take along: no listing shows them. /_coreos.com and
                                         /_etcd are always asked for
  --keep-existing                        leave keys alone that have another value at the target
  --dry-run                              tell what would be done
  --to-username NAME:PASSWORD            for the target, when it is not --username
${ACCESS_HELP}
`;

/** Where fleet, locksmith and the update engine keep theirs, and the discovery service. */
const KNOWN_HIDDEN = ["/_coreos.com", "/_etcd"];
/** Writes under way at a time: a server commits them together. */
const AT_ONCE = 16;
const TELL_EVERY_MS = 2_000;
/** A listing of a whole large store takes a while. */
const ANSWER_WITHIN_MS = 300_000;
const NOT_FOUND = 100;
const NOT_ALLOWED = 110;
/** Names in one line of the report. */
const NAMES_MAX = 5;

interface Store {
  readonly client: KeysClient;
  readonly name: string;
  readonly side: "source" | "target";
  /** Whom it is asked as, if anybody. */
  readonly user: string | undefined;
}

export const etcd2Import: Program = async (args, io) => {
  const { values } = parseToolOptions("import", args, {
    from: { type: "string" },
    to: { type: "string" },
    prefix: { type: "string" },
    also: { type: "string", multiple: true },
    "keep-existing": { type: "boolean" },
    "dry-run": { type: "boolean" },
    "to-username": { type: "string" },
    help: { type: "boolean", short: "h" },
    ...ACCESS_OPTIONS,
  });
  if (values.help) {
    io.stdout.write(HELP);
    return 0;
  }
  if (values.from === undefined)
    throw new Fault("USAGE", "Cannot import: name the store to read with --from");
  const to = values.to ?? "http://127.0.0.1:2379";
  const toUser = values["to-username"] ?? values.username;
  const [access, toAccess] = [accessOf(values, io), accessOf({ ...values, username: toUser }, io)];
  await using source = openKeysClient(clientOptions(values.from, access));
  await using target = openKeysClient(clientOptions(to, toAccess));
  const run = new Import(
    { client: source, name: values.from, side: "source", user: userOf(access) },
    { client: target, name: to, side: "target", user: userOf(toAccess) },
    partsOf(values.prefix ?? "/", values.also ?? []),
    io,
  );
  const isDry = values["dry-run"] ?? false;
  const isFine = await run.run({ isDry, keepExisting: values["keep-existing"] ?? false });
  return isFine ? 0 : 1;
};

function clientOptions(urls: string, access: ReturnType<typeof accessOf>) {
  return { endpoints: listOf(urls) ?? [], requestTimeoutMs: ANSWER_WITHIN_MS, ...access };
}

function userOf({ auth }: ReturnType<typeof accessOf>): string | undefined {
  return auth?.split(":")[0];
}

/** What a store's refusal to one without the right to it means; other errors as they are. */
function inWords(error: unknown, { name, side, user }: Store): unknown {
  if (!(error instanceof KeysError) || error.code !== NOT_ALLOWED) return error;
  const flags =
    side === "source"
      ? "--username NAME:PASSWORD"
      : "--to-username NAME:PASSWORD, or --username for both stores";
  const why =
    user === undefined
      ? "it has authentication on, and no user was named"
      : `it refuses the user ${user}, since the password is wrong or the rights do not suffice`;
  return new Fault("STORE_REFUSED", `Cannot use the ${side} ${name}: ${why}; give ${flags}`, {
    cause: error,
  });
}

/** The parts of the tree to list: the prefix, and the hidden ones in it, or that it is in. */
function partsOf(prefix: string, also: readonly string[]): string[] {
  const start = prefix === "/" ? "" : prefix.replace(/\/+$/, "");
  const hidden = [...KNOWN_HIDDEN, ...also.flatMap((keys) => keys.split(","))];
  const within = hidden.filter((key) => key.startsWith(`${start}/`));
  return [...new Set([start === "" ? "/" : start, ...within])];
}

class Import {
  readonly #source: Store;
  readonly #target: Store;
  readonly #parts: readonly string[];
  readonly #io: Io;

  constructor(source: Store, target: Store, parts: readonly string[], io: Io) {
    this.#source = source;
    this.#target = target;
    this.#parts = parts;
    this.#io = io;
  }

  /** Whether all that was to be taken over is there. */
  async run(options: {
    readonly isDry: boolean;
    readonly keepExisting: boolean;
  }): Promise<boolean> {
    const startMs = systemClock.monotonicMs();
    const { items, index } = await this.#list(this.#source);
    const plan = planImport(items, byKey((await this.#list(this.#target)).items), options);
    this.#tellPlan(items, plan, options.isDry);
    if (!options.isDry) await this.#write(plan.steps, startMs);
    const areRolesFine = await importRoles(
      this.#source.client,
      this.#target.client,
      options.isDry,
      this.#io,
    );
    if (options.isDry) return plan.conflicts.length === 0;
    return (await this.#verify(plan, index)) && areRolesFine && plan.conflicts.length === 0;
  }

  /** What is there, and the store's index before it was read. */
  async #list(store: Store): Promise<{ readonly items: Item[]; readonly index: number }> {
    const found = new Map<string, Item>();
    let index = Number.POSITIVE_INFINITY;
    for (const key of this.#parts) {
      try {
        const options = { recursive: true, sorted: true, quorum: true };
        const { event, etcdIndex } = await store.client.get(key, options, this.#io.signal);
        index = Math.min(index, etcdIndex);
        for (const item of itemsOf(event.node)) found.set(item.key, item);
      } catch (error) {
        if (!(error instanceof KeysError) || error.code !== NOT_FOUND) throw inWords(error, store);
        index = Math.min(index, error.index);
      }
    }
    return { items: [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1)), index };
  }

  #tellPlan(items: readonly Item[], plan: Plan, isDry: boolean): void {
    const count = (kind: Step["kind"]) => plan.steps.filter((step) => step.kind === kind).length;
    const keys = items.filter((item) => item.value !== undefined).length;
    const ending = items.filter((item) => item.ttl !== undefined).length;
    const hidden = this.#parts.filter((part) => isHiddenName(part));
    const hiddenFound = hidden.filter((part) => items.some(({ key }) => key.startsWith(part)));
    this.#say(
      `${this.#source.name}: ${keys} keys and ${items.length - keys} directories, ${ending} with a time to live`,
    );
    this.#say(
      `hidden parts found: ${hiddenFound.join(", ") || "none"} (asked for ${hidden.join(", ")})`,
    );
    const verb = isDry ? "would be" : "to be";
    this.#say(
      `${this.#target.name}: ${count("make")} ${verb} made, ${count("change") + count("refresh")} changed, ${plan.same} are the same, ${plan.kept.length} left as they are`,
    );
    for (const { key, value } of plan.conflicts)
      this.#say(
        `cannot be taken over: ${key} is a ${value === undefined ? "directory" : "key"} at the source, and not at the target`,
      );
  }

  async #write(steps: readonly Step[], startMs: number): Promise<void> {
    const { signal, stderr } = this.#io;
    let toldMs = startMs;
    let done = 0;
    const next = async (from: Iterator<Step>): Promise<void> => {
      for (let step = from.next(); !step.done; step = from.next()) {
        await this.#writeOne(step.value, (systemClock.monotonicMs() - startMs) / 1000, signal);
        done += 1;
        const nowMs = systemClock.monotonicMs();
        if (nowMs - toldMs < TELL_EVERY_MS) continue;
        toldMs = nowMs;
        stderr.write(`${done} of ${steps.length}\n`);
      }
    };
    // Directories one by one, since others may lie in them; then keys, many at a time.
    await next(steps.filter(({ item }) => item.value === undefined).values());
    const keys = steps.filter(({ item }) => item.value !== undefined).values();
    await Promise.all(Array.from({ length: AT_ONCE }, () => next(keys)));
  }

  async #writeOne({ kind, item }: Step, elapsed: number, signal: AbortSignal): Promise<void> {
    const ttlSeconds = item.ttl === undefined ? undefined : Math.round(item.ttl - elapsed);
    if (ttlSeconds !== undefined && ttlSeconds <= 0) return; // it has ended meanwhile
    const { client } = this.#target;
    const isDirectory = item.value === undefined;
    const options = {
      ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
      ...(isDirectory ? { dir: true, prevExist: kind === "refresh" } : {}),
    };
    try {
      await client.set(item.key, item.value, options, signal);
    } catch (error) {
      // Made by someone else meanwhile, or ended; the comparison at the end tells whether it is right.
      const isRefused = error instanceof KeysError && error.code === NOT_ALLOWED;
      if (!(error instanceof KeysError) || !isDirectory || isRefused)
        throw inWords(error, this.#target);
    }
  }

  async #verify(plan: Plan, index: number): Promise<boolean> {
    const source = (await this.#list(this.#source)).items;
    const target = byKey((await this.#list(this.#target)).items);
    const { changed, wrong } = compareAfter(source, target, { index, plan });
    if (changed.length > 0)
      this.#say(`changed at the source meanwhile, so run again: ${someOf(changed)}`);
    if (wrong.length > 0) this.#say(`not the same after all: ${someOf(wrong)}`);
    if (wrong.length + changed.length === 0)
      this.#say(
        `compared: ${source.length - plan.kept.length - plan.conflicts.length} keys and directories are the same`,
      );
    return wrong.length + changed.length === 0;
  }

  #say(line: string): void {
    this.#io.stdout.write(`${line}\n`);
  }
}

function byKey(items: readonly Item[]): Map<string, Item> {
  return new Map(items.map((item) => [item.key, item]));
}

function someOf(keys: readonly string[]): string {
  const more = keys.length > NAMES_MAX ? ` and ${keys.length - NAMES_MAX} more` : "";
  return `${keys.slice(0, NAMES_MAX).join(", ")}${more}`;
}
