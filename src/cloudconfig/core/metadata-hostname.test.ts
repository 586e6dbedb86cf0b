import assert from "node:assert/strict";
import { test } from "node:test";
import { isMetadataHostname } from "./metadata-hostname.ts";

for (const { text, is } of [
  { text: "core-01", is: true },
  { text: "ip-10-0-0-1.eu-west-1.compute.internal", is: true },
  { text: "my_machine.novalocal", is: true },
  { text: "7", is: true },
  { text: "a".repeat(64), is: true },
  { text: "a".repeat(65), is: false },
  { text: "", is: false },
  { text: "a\n127.0.0.1 b", is: false },
  { text: "a\n", is: false },
  { text: "two words", is: false },
  { text: "-a", is: false },
  { text: "../a", is: false },
  { text: "a..b", is: false },
  { text: "\u001b[2J", is: false },
])
  test(`isMetadataHostname() ${is ? "takes" : "refuses"} ${JSON.stringify(text)}`, () => {
    assert.equal(isMetadataHostname(text), is);
  });
