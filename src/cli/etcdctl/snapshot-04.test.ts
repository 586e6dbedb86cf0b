import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { Fault } from "#base/fault.ts";
import { parseSnapshot04 } from "./snapshot-04.ts";

const NEVER = "0001-01-01T00:00:00Z";

type Tree = { readonly [name: string]: Tree | string };

/** A node as etcd 0.4 writes it. */
function node(path: string, content: Tree | string, ends = NEVER): object {
  const common = { Path: path, CreatedIndex: 1, ModifiedIndex: 2, ExpireTime: ends, ACL: "" };
  if (typeof content === "string") return { ...common, Value: content, Children: null };
  const children = Object.entries(content).map(([name, below]) => [
    name,
    node(path === "/" ? `/${name}` : `${path}/${name}`, below),
  ]);
  return { ...common, Value: "", Children: Object.fromEntries(children) };
}

function store(tree: Tree): string {
  return JSON.stringify({ Root: node("/", tree), CurrentIndex: 7, CurrentVersion: 2 });
}

function onDisk(text: string): Buffer {
  const state = Buffer.from(text).toString("base64");
  const rest = Buffer.from(JSON.stringify({ lastIndex: 7, lastTerm: 1, peers: [], state }));
  const sum = crc32(rest).toString(16).padStart(8, "0");
  return Buffer.concat([Buffer.from(`${sum}\n`), rest]);
}

const TREE = {
  b: "2",
  a: { x: "1", empty: {}, _own: "h1" },
  "_coreos.com": { fleet: { job: "h2" }, update: "h3" },
};

const CASES: [hidden: string[], keys: string][] = [
  [[], "/a/x=1 /b=2"],
  [["/_coreos.com"], "/_coreos.com/fleet/job=h2 /_coreos.com/update=h3 /a/x=1 /b=2"],
  [["_coreos.com/fleet/"], "/_coreos.com/fleet/job=h2 /a/x=1 /b=2"],
  [["/a/_own"], "/a/_own=h1 /a/x=1 /b=2"],
  [["/nope"], "/a/x=1 /b=2"],
];

for (const [hidden, expected] of CASES)
  test(`parseSnapshot04() with hidden keys ${hidden.join(" ") || "left out"}`, () => {
    for (const bytes of [Buffer.from(store(TREE)), onDisk(store(TREE))]) {
      const keys = parseSnapshot04(bytes, hidden, "it");
      assert.equal(keys.map(({ key, value }) => `${key}=${value}`).join(" "), expected);
    }
  });

test("parseSnapshot04() tells when a key ends", () => {
  const root = { ...node("/", {}), Children: { a: node("/a", "1", "2015-08-13T14:39:00.5Z") } };
  const [key] = parseSnapshot04(Buffer.from(JSON.stringify({ Root: root })), [], "it");
  assert.equal(key?.endsMs, Date.UTC(2015, 7, 13, 14, 39, 0, 500));
});

test("parseSnapshot04() refuses what is none, what is damaged and what is cut short", () => {
  const whole = onDisk(store(TREE));
  const damaged = Buffer.from(whole);
  damaged[20] = 0;
  for (const bytes of [Buffer.from(""), Buffer.from("{}"), damaged, whole.subarray(0, -1)])
    assert.throws(
      () => parseSnapshot04(bytes, [], "old.snap"),
      (error: unknown) =>
        error instanceof Fault &&
        error.code === "RECORD_MALFORMED" &&
        error.message.startsWith("Cannot read old.snap as a snapshot of etcd 0.4: "),
    );
});

test("parseSnapshot04() throws nothing but its own error", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => {
        try {
          parseSnapshot04(Buffer.from(bytes), [], "it");
        } catch (error) {
          assert.ok(error instanceof Fault);
        }
      },
    ),
  );
});
