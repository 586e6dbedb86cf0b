interface Expiring {
  /** Wall time in milliseconds when the key ends; absent: never. Decided by the proposer's clock. */
  readonly expiresMs?: number;
}

interface Refreshing extends Expiring {
  /** Keep the value and tell no watcher. */
  readonly refresh?: true;
}

/** No comparison by value is an empty `prevValue`, none by index is 0, as in etcd. */
interface Comparing {
  readonly prevValue: string;
  readonly prevIndex: number;
}

/** What is done to a record of authentication (auth-records.ts). */
type AuthAct =
  | { readonly act: "get" }
  | { readonly act: "delete" }
  /** Without a value: a directory. */
  | { readonly act: "create"; readonly value?: string }
  /** Only when the record is still of `ifIndex`, so that two changes at once lose neither. */
  | { readonly act: "update"; readonly value: string; readonly ifIndex?: number };

/**
 * One entry of the log: what a client asked for, with everything decided that could differ between servers.
 * Keys are clean (key-path.ts). `get` is a read with quorum, which etcd orders like a write.
 */
export type Command = { readonly timeMs: number } & (
  | {
      readonly op: "get";
      readonly key: string;
      readonly recursive: boolean;
      readonly sorted: boolean;
    }
  | ({
      readonly op: "set";
      readonly key: string;
      readonly value: string;
      readonly dir: boolean;
    } & Refreshing)
  | ({
      readonly op: "create";
      readonly key: string;
      readonly value: string;
      readonly dir: boolean;
      /** Create under `key`, with the next in-order name. */
      readonly inOrder: boolean;
    } & Expiring)
  | ({ readonly op: "update"; readonly key: string; readonly value: string } & Refreshing)
  | ({ readonly op: "compareAndSwap"; readonly key: string; readonly value: string } & Refreshing &
      Comparing)
  | {
      readonly op: "delete";
      readonly key: string;
      readonly dir: boolean;
      readonly recursive: boolean;
    }
  | ({ readonly op: "compareAndDelete"; readonly key: string } & Comparing)
  | ({ readonly op: "auth"; readonly key: string } & AuthAct)
  /** Time has come to `timeMs`: what ends by then expires. */
  | { readonly op: "sync" }
);

type Op = Command["op"];
const OPS: Readonly<Record<Op, true>> = {
  get: true,
  set: true,
  create: true,
  update: true,
  compareAndSwap: true,
  delete: true,
  compareAndDelete: true,
  auth: true,
  sync: true,
};

/** The log entry of a command. `id` has no space; whoever proposed it knows its own command again by it. */
export function encodeEntry(id: string, command: Command): string {
  return `${id} ${JSON.stringify(command)}`;
}

/** @throws {RangeError} when the entry is none that this version writes. */
export function decodeEntry(data: string): { readonly id: string; readonly command: Command } {
  const space = data.indexOf(" ");
  const command = JSON.parse(data.slice(space + 1)) as Command;
  if (space < 1 || !Object.hasOwn(OPS, command.op))
    throw new RangeError(`entry holds no command that this version knows: ${data.slice(0, 80)}`);
  return { id: data.slice(0, space), command };
}
