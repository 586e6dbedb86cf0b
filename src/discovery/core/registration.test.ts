import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatRegistration, parseRegistration } from "./registration.ts";

const name = fc.stringMatching(/^[^\s,=]{1,20}$/);
const url = fc
  .tuple(fc.constantFrom("http", "https"), fc.domain(), fc.integer({ min: 1, max: 65_535 }))
  .map(([scheme, host, port]) => `${scheme}://${host}:${port}`);

test("what is formatted is read again", () => {
  fc.assert(
    fc.property(name, fc.uniqueArray(url, { minLength: 1, maxLength: 4 }), (own, peerURLs) => {
      const read = parseRegistration(formatRegistration({ name: own, peerURLs }));
      assert.deepEqual(read, { name: own, peerURLs: peerURLs.toSorted() });
    }),
  );
});

test("reading never throws, and what it takes it would write alike", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a=,:/htp1]*$/)), (text) => {
      const read = parseRegistration(text);
      if (read) assert.equal(parseRegistration(formatRegistration(read))?.name, read.name);
    }),
  );
});

for (const [text, expected] of [
  ["a=http://10.0.0.1:2380", { name: "a", peerURLs: ["http://10.0.0.1:2380"] }],
  ["a=https://[fd00::1]:2380", { name: "a", peerURLs: ["https://[fd00::1]:2380"] }],
  ["a=http://h:1,a=http://h:2", { name: "a", peerURLs: ["http://h:1", "http://h:2"] }],
  ["a=http://h:1,b=http://h:2", undefined],
  ["a=http://h", undefined],
  ["a=http://h:1/", undefined],
  ["a=ftp://h:1", undefined],
  ["a b=http://h:1", undefined],
  ["a=http://h:1,", undefined],
  ["http://h:1", undefined],
  ["", undefined],
] as const)
  test(`"${text}" as an entry`, () => assert.deepEqual(parseRegistration(text), expected));
