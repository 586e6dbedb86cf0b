import assert from "node:assert/strict";
import { test } from "node:test";
import {
  dropInName,
  filePath,
  fleetMetadata,
  hostname,
  owner,
  permissions,
  unitName,
  windowLength,
  windowStart,
} from "./checks.ts";
import type { Check } from "./shape.ts";

const CASES: readonly [string, Check, readonly string[], readonly string[]][] = [
  [
    "hostname",
    hostname,
    ["core-01", "a", "a.example.com", "x".repeat(63)],
    ["-a", "a_b", "a..b", "<HOST>", "x".repeat(64)],
  ],
  ["permissions", permissions, ["644", "0644", "4755", "02755"], ["64", "0888", "rw-r--r--"]],
  [
    "owner",
    owner,
    ["root", "core:core", "1000:1000", ":www-data", "core:", "a.b"],
    ["", "a b", "a:b:c", "a/b"],
  ],
  [
    "unitName",
    unitName,
    ["a.service", "web@1.service", "10-x.network", "b.link"],
    ["a", "a/b.service", "a.conf", "../a.network"],
  ],
  ["dropInName", dropInName, ["10-a.conf"], ["10-a", "../a.conf", ".conf\0"]],
  [
    "filePath",
    filePath,
    ["/etc/motd", "etc/motd", "/a/..b"],
    ["/etc/", "/etc/../x", ".", "/etc/.", "..", "a\0b"],
  ],
  ["fleetMetadata", fleetMetadata, ["a=b", "a=b,c=d", "a=b, c=", "a=b=c"], ["a", "a=b,c", "=b"]],
  [
    "windowStart",
    windowStart,
    ["21:30", "Thu 4:00", "sun 00:05"],
    ["24:00", "21:60", "Day 1:00", "21"],
  ],
  [
    "windowLength",
    windowLength,
    ["1h", "1h30m", "90m", "1.5h"],
    ["1", "one hour", "", "ms".repeat(1000)],
  ],
];

for (const [name, check, right, wrong] of CASES) {
  test(`${name} takes ${right.join(" ")}`, () => {
    for (const text of right) assert.equal(check(text), undefined, text);
  });
  test(`${name} refuses ${JSON.stringify(wrong)}`, () => {
    for (const text of wrong) assert.equal(typeof check(text), "string", text);
  });
}
