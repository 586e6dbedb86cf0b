import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { CLOUD_CONFIG } from "./core/schema.ts";
import type { Shape } from "./core/shape.ts";

const REFERENCE = new URL("../../docs/reference-cloud-config.md", import.meta.url);

function* keysOf(shape: Shape): Generator<string> {
  if (shape.kind === "list") yield* keysOf(shape.of);
  if (shape.kind !== "map") return;
  yield* shape.ignored;
  for (const [key, inner] of Object.entries(shape.keys)) {
    yield key;
    yield* keysOf(inner);
  }
}

test("docs/reference-cloud-config.md names every key", async () => {
  const text = (await readFile(REFERENCE, "utf8")).replaceAll("-", "_");
  const named = new Set(text.match(/\w+/g));
  assert.deepEqual(
    [...keysOf(CLOUD_CONFIG)].filter((key) => !named.has(key)),
    [],
  );
});
