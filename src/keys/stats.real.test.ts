import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startMember, type TestMember } from "#keys/member-for-tests.ts";
import { type RealEtcd, startRealEtcd } from "#keys/real-etcd.ts";

let real: RealEtcd;
let ours: TestMember;

before(async () => {
  [real, ours] = await Promise.all([startRealEtcd(), startMember()]);
});
after(async () => {
  await ours?.[Symbol.asyncDispose]();
  await real?.[Symbol.asyncDispose]();
});

/** Each server has its own; only that it is there is compared. */
const OWN = "x-etcd-cluster-id";

/** The names of an object's fields in their order, and what kind of value each has. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.entries(value).map(([name, field]) => [name, shapeOf(field)]);
}

async function ask(url: string, method: string, path: string) {
  const answer = await fetch(`${url}${path}`, { method });
  const headers = ["allow", "content-type", "x-etcd-index", OWN].map((name) => {
    const value = answer.headers.get(name);
    return [name, name === OWN ? typeof value : value];
  });
  const text = await answer.text();
  const isJson = answer.headers.get("content-type")?.startsWith("application/json");
  return {
    status: answer.status,
    headers,
    body: isJson ? shapeOf(JSON.parse(text)) : text,
  };
}

for (const path of ["/v2/stats/self", "/v2/stats/leader", "/v2/stats/store", "/version", "/health"])
  for (const method of ["GET", "HEAD", "PUT"])
    test(`${method} ${path} has etcd's shape`, async () => {
      assert.deepEqual(
        await ask(ours.clientUrl, method, path),
        await ask(real.clientUrl, method, path),
      );
    });

test("a member alone has led since its start, told in Go's words", async () => {
  const self = (await (await fetch(`${ours.clientUrl}/v2/stats/self`)).json()) as {
    readonly id: string;
    readonly state: string;
    readonly startTime: string;
    readonly leaderInfo: { readonly leader: string; readonly uptime: string };
  };
  assert.equal(self.state, "StateLeader");
  assert.equal(self.leaderInfo.leader, self.id);
  assert.match(self.leaderInfo.uptime, /^(\d+h)?(\d+m)?[\d.]+(ms|s|µs)$/);
  assert.ok(Date.parse(self.startTime) <= Date.now());
});
