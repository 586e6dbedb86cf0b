import { crc32 } from "node:zlib";
import * as v from "valibot";
import { Fault } from "#base/fault.ts";

/** A key of etcd 0.4. */
export interface OldKey {
  readonly key: string;
  readonly value: string;
  /** When it ends; undefined for never. */
  readonly endsMs: number | undefined;
}

interface OldNode {
  readonly Path: string;
  readonly Value: string;
  readonly ExpireTime: string;
  readonly Children?: Readonly<Record<string, OldNode>> | null | undefined;
}

const Node: v.GenericSchema<OldNode> = v.object({
  Path: v.string(),
  Value: v.string(),
  ExpireTime: v.string(),
  Children: v.optional(
    v.nullable(
      v.record(
        v.string(),
        v.lazy(() => Node),
      ),
    ),
  ),
});
const Store = v.object({ Root: Node });
/** A snapshot as it lies on the disk holds the store's as base64. */
const OnDisk = v.object({ state: v.string() });
const DISK_HEAD = /^([0-9a-f]{8})\n/;
const NEVER_ENDS = "0001-01-01T00:00:00Z"; // Go's zero time

/**
 * The keys in a snapshot of etcd 0.4: the answer of its `/v2/migration/snapshot`, or a file of its `snapshot`
 * directory, sorted.
 * @param hidden paths below which names that begin with `_` count too
 * @throws {Fault} RECORD_MALFORMED
 */
export function parseSnapshot04(
  bytes: Buffer,
  hidden: readonly string[],
  source: string,
): OldKey[] {
  const { Root } = parse(Store, storeText(bytes, source), source);
  const keys: OldKey[] = [];
  const stack = [Root];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    const { Path, Value, ExpireTime, Children } = node;
    if (isHidden(Path) && !hidden.some((path) => isNear(Path, path))) continue;
    const endsMs = ExpireTime === NEVER_ENDS ? undefined : Date.parse(ExpireTime);
    if (Children) stack.push(...Object.values(Children));
    else if (Path !== "/") keys.push({ key: Path, value: Value, endsMs });
  }
  return keys.sort((a, b) => (a.key < b.key ? -1 : 1));
}

function storeText(bytes: Buffer, source: string): string {
  const [head, sum] = DISK_HEAD.exec(bytes.subarray(0, 9).toString("latin1")) ?? [];
  if (head === undefined || sum === undefined) return bytes.toString();
  const rest = bytes.subarray(head.length);
  if (crc32(rest) !== Number.parseInt(sum, 16))
    throw malformed(source, "its checksum is wrong; take another one");
  return Buffer.from(parse(OnDisk, rest.toString(), source).state, "base64").toString();
}

function parse<T>(schema: v.GenericSchema<unknown, T>, text: string, source: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw malformed(source, "it is no JSON");
  }
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output;
  throw malformed(source, parsed.issues[0].message);
}

function malformed(source: string, why: string): Fault {
  return new Fault("RECORD_MALFORMED", `Cannot read ${source} as a snapshot of etcd 0.4: ${why}`);
}

function isHidden(path: string): boolean {
  return path.includes("/_");
}

/** Whether one is the other or above it. */
function isNear(path: string, other: string): boolean {
  const [a, b] = [`${path}/`, `/${other.replace(/^\/+|\/+$/g, "")}/`];
  return a.startsWith(b) || (b.startsWith(a) && path !== "/");
}
