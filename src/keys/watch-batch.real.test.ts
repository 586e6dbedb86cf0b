import assert from "node:assert/strict";
import { test } from "node:test";
import { startMember } from "./member-for-tests.ts";

/** The indices in the answer to a watch. */
async function indices(url: string): Promise<number[]> {
  const body = await (await fetch(url)).text();
  return body
    .split("\n")
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { node: { modifiedIndex: number } }).node.modifiedIndex);
}

test("a watch that asks for batches gets all events there are, or the next as they come", async () => {
  await using member = await startMember();
  const keys = `${member.clientUrl}/v2/keys`;
  const put = (key: string) => fetch(`${keys}/${key}?value=x`, { method: "PUT" });
  const first = Number((await put("a/1")).headers.get("x-etcd-index"));
  for (const key of ["a/2", "b/1", "a/3"]) await put(key);
  const from = (index: number) => `${keys}/a?wait=true&recursive=true&waitIndex=${index}`;
  assert.deepEqual(await indices(from(first)), [first]);
  assert.deepEqual(await indices(`${from(first)}&batch=true`), [first, first + 1, first + 3]);
  assert.deepEqual(await indices(`${from(first + 1)}&batch=true`), [first + 1, first + 3]);
  const next = indices(`${from(first + 4)}&batch=true`);
  await put("b/2");
  await put("a/4");
  assert.deepEqual(await next, [first + 5]);
});
