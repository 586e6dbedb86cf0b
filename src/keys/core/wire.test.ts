import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseForm } from "./form.ts";
import { isoTime } from "./iso-time.ts";
import { cleanKey, isHiddenBelow, isHiddenName, isWithin } from "./key-path.ts";
import { type Method, parseRequest } from "./request.ts";
import { encodeEvent, jsonString } from "./wire.ts";

const anyText = fc.string({ unit: "binary" });

test("jsonString() reads back as the text and hides what HTML would misread", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const json = jsonString(text);
      assert.equal(JSON.parse(json), text.toWellFormed());
      assert.doesNotMatch(json, /[<>&\u2028\u2029]/);
    }),
  );
});

test("encodeEvent() is JSON of the event", () => {
  const node = {
    key: "/a",
    value: '<"',
    expiration: isoTime(0),
    ttl: 3,
    modifiedIndex: 5,
    createdIndex: 4,
  };
  const prevNode = { key: "/a", dir: true as const, modifiedIndex: 4, createdIndex: 4 };
  const event = { action: "set" as const, node, prevNode };
  assert.deepEqual(JSON.parse(encodeEvent(event)), event);
  const root = { key: "", dir: true as const, modifiedIndex: 0, createdIndex: 0 };
  assert.equal(
    encodeEvent({ action: "get", node: root }),
    '{"action":"get","node":{"dir":true}}\n',
  );
});

test("isoTime() agrees with Date", () => {
  const latest = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
  fc.assert(
    fc.property(fc.integer({ min: Date.UTC(1600, 0, 1), max: latest }), (ms) => {
      assert.equal(isoTime(ms), new Date(ms).toISOString());
    }),
  );
});

test("parseForm() reads what URLSearchParams writes, first values first", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyText, anyText)), (pairs) => {
      const form = parseForm([String(new URLSearchParams(pairs))]);
      assert.ok(form instanceof Map);
      const expected = new Map<string, string>();
      for (const [name, value] of pairs.map((pair) => pair.map((text) => text.toWellFormed())))
        if (name !== undefined && !expected.has(name)) expected.set(name, value ?? "");
      assert.deepEqual(form, expected);
    }),
  );
});

test("parseRequest() is total: a request or a refusal of a bad request", () => {
  const methods: Method[] = ["GET", "HEAD", "PUT", "POST", "DELETE"];
  const names = ["ttl", "prevIndex", "wait", "dir", "value", "refresh", "prevExist", "waitIndex"];
  const anyForm = fc.oneof(
    anyText,
    fc
      .array(fc.tuple(fc.constantFrom(...names), fc.oneof(anyText, fc.bigInt().map(String))))
      .map((pairs) => String(new URLSearchParams(pairs))),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...methods),
      fc.array(anyForm, { maxLength: 2 }),
      (method, texts) => {
        const request = parseRequest(method, "/a", texts, 1e12);
        if ("code" in request) assert.ok(request.code >= 200 && request.code < 300);
      },
    ),
    { numRuns: 500 },
  );
});

test("cleanKey() agrees with the path of a URL and leaves a clean key alone", () => {
  const anyPath = fc
    .array(fc.constantFrom("a", "_b", ".", "..", "", "...", ".c"))
    .map((parts) => parts.join("/"));
  fc.assert(
    fc.property(anyPath, (path) => {
      const clean = cleanKey(path);
      assert.equal(cleanKey(clean), clean);
      assert.match(clean, /^(\/[^/]+)*$/);
      const byUrl = new URL(`http://x/${path.replaceAll(/\/+/g, "/").replace(/^\//, "")}`).pathname;
      assert.equal(clean, byUrl.replace(/\/$/, ""));
    }),
  );
});

test("hidden names hide a key from listings and from recursive watches above", () => {
  assert.equal(isHiddenName("/a/_b"), true);
  assert.equal(isHiddenName("/_a/b"), false);
  assert.equal(isHiddenBelow("", "/_a/b"), true);
  assert.equal(isHiddenBelow("/_a", "/_a/b"), false);
  assert.equal(isHiddenBelow("/a", "/a/b_c"), false);
  assert.equal(isWithin("/a", "/ab"), false);
  assert.equal(isWithin("", "/ab"), true);
});
test("jsonString() reads back any mix of what is escaped", () => {
  const anyText = fc.string({
    unit: fc.constantFrom("\\", "b", "f", "\b", "\f", "<", "&", '"', "é", "\u2028"),
  });
  fc.assert(fc.property(anyText, (text) => JSON.parse(jsonString(text)) === text));
});

for (const [text, wire] of [
  ["C:\\bin", '"C:\\\\bin"'],
  ["\b\f", '"\\u0008\\u000c"'],
  ["<a&b>", '"\\u003ca\\u0026b\\u003e"'],
] as const)
  test(`jsonString() writes ${JSON.stringify(text)} as Go does`, () => {
    assert.equal(jsonString(text), wire);
  });
