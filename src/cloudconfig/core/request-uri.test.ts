import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isRequestUri } from "./request-uri.ts";

// Answers of Go 1.19's url.ParseRequestURI.
const RIGHT = [
  "http://a",
  "https://discovery.example/<token>",
  "http://a:2379/b?c d",
  "http://a:",
  "http://[::1]:80/",
  "http://[fe80::1%25eth0]/",
  "http://%25f",
  "http://h%c3%a9",
  "http://u:p@a/",
  "mailto:x",
  "/path",
  "//a b",
  "*",
  "a:b",
];
const WRONG = [
  "",
  "nonsense",
  ":a",
  "a b",
  "http://a b/c",
  "http://a:port/",
  "http://a/%zz",
  "http://[::1",
  "http://[55%25f%1]",
  "http://a%20b",
  "http://a^b",
  "http://a\u0007",
  "http://u\u00e9@a",
];

for (const [text, is] of [
  ...RIGHT.map((text) => [text, true] as const),
  ...WRONG.map((text) => [text, false] as const),
])
  test(`isRequestUri() ${is ? "takes" : "refuses"} ${JSON.stringify(text)}`, () => {
    assert.equal(isRequestUri(text), is);
  });

test("isRequestUri() takes what is a URL by RFC 3986", () => {
  fc.assert(fc.property(fc.webUrl({ withQueryParameters: true }), isRequestUri));
});
