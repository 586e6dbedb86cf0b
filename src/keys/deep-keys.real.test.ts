import assert from "node:assert/strict";
import { test } from "node:test";
import { startMember } from "#keys/member-for-tests.ts";

function put(url: string, parts: number): Promise<Response> {
  return fetch(`${url}/v2/keys/${"abc/".repeat(parts)}k`, {
    method: "PUT",
    body: new URLSearchParams({ value: "v" }),
  });
}

test("a deep key is taken, one whose directories would fill a snapshot is not", async () => {
  await using member = await startMember();
  assert.equal((await put(member.clientUrl, 1500)).status, 201);
  const refused = await put(member.clientUrl, 6000);
  assert.equal(refused.status, 414);
  assert.equal(await refused.text(), "414 Request-URI Too Long\n");
  const listing = await fetch(`${member.clientUrl}/v2/keys/?recursive=true&quorum=true`);
  assert.equal(listing.status, 200);
  assert.equal((await listing.text()).split('"dir":true').length - 1, 1501);
});
