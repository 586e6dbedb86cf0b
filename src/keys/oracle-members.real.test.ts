import assert from "node:assert/strict";
import { test } from "node:test";
import { startCluster } from "./cluster-for-tests.ts";
import { startRealEtcd } from "./real-etcd.ts";

interface Place {
  readonly clientUrl: string;
  readonly peerUrl: string;
}

interface Ask {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
  readonly type?: string;
}

const JSON_TYPE = "application/json";
/** `PEER` stands for the member's own peer URL. */
const REFUSED_BODIES = [
  "",
  "{",
  "hello",
  "{}",
  "[]",
  "1",
  '{"peerURLs":null}',
  '{"peerURLs":[]}',
  '{"peerURLs":"http://10.0.0.1:2380"}',
  '{"peerURLs":[1]}',
  '{"peerURLs":["10.0.0.1:2380"]}',
  '{"peerURLs":["http://10.0.0.1"]}',
  '{"peerURLs":["http://10.0.0.1:2380/path"]}',
  '{"peerURLs":["ftp://10.0.0.1:2380"]}',
  '{"peerURLs":[""]}',
  '{"peerurls":["PEER"],"other":1}',
  '{"peerURLs":["http://10.0.0.1:2380","PEER"]}',
];
const ASKS: readonly Ask[] = [
  { method: "GET", path: "/v2/members" },
  { method: "GET", path: "/v2/members/" },
  { method: "GET", path: "/v2/members?x=1" },
  { method: "GET", path: "/v2/members/leader" },
  { method: "GET", path: "/v2/members/other" },
  { method: "HEAD", path: "/v2/members" },
  { method: "PATCH", path: "/v2/members" },
  { method: "GET", path: "/v2/machines" },
  { method: "HEAD", path: "/v2/machines" },
  { method: "POST", path: "/v2/machines" },
  { method: "DELETE", path: "/v2/members" },
  { method: "DELETE", path: "/v2/members/" },
  { method: "DELETE", path: "/v2/members/zz" },
  { method: "DELETE", path: "/v2/members/12345678901234567" },
  { method: "DELETE", path: "/v2/members/abc" },
  { method: "PUT", path: "/v2/members", body: "{}", type: JSON_TYPE },
  { method: "PUT", path: "/v2/members/zz", body: "{}", type: JSON_TYPE },
  { method: "PUT", path: "/v2/members/abc", body: "{}", type: JSON_TYPE },
  {
    method: "PUT",
    path: "/v2/members/abc",
    body: '{"peerURLs":["http://10.0.0.1:2380"]}',
    type: JSON_TYPE,
  },
  { method: "POST", path: "/v2/members", body: "a=1", type: "application/x-www-form-urlencoded" },
  { method: "POST", path: "/v2/members", body: "{}", type: "" },
  ...REFUSED_BODIES.map((body) => ({ method: "POST", path: "/v2/members", body, type: JSON_TYPE })),
  { method: "POST", path: "/v2/members", body: "{}", type: `${JSON_TYPE}; charset=utf-8` },
  // What is done for good comes last: its own new address, and another member, with whom no quorum is left.
  {
    method: "PUT",
    path: "/v2/members/SELF",
    body: '{"peerURLs":["http://10.0.0.9:2380"]}',
    type: JSON_TYPE,
  },
  { method: "GET", path: "/v2/members" },
  { method: "PUT", path: "/v2/members/SELF", body: '{"peerURLs":["PEER"]}', type: JSON_TYPE },
  {
    method: "POST",
    path: "/v2/members",
    body: '{"peerURLs":["http://127.0.96.9:2380","http://127.0.96.8:2380"]}',
    type: JSON_TYPE,
  },
  { method: "GET", path: "/v2/members" },
];

async function selfOf({ clientUrl }: Place): Promise<string> {
  const answer = await fetch(`${clientUrl}/v2/members`);
  const { members } = (await answer.json()) as { members: { id: string }[] };
  return members[0]?.id ?? "";
}

/** An answer with the names of ids and addresses in place of them. */
async function answerOf(place: Place, self: string, ask: Ask): Promise<unknown> {
  const body = ask.body?.replaceAll("PEER", place.peerUrl);
  const answer = await fetch(place.clientUrl + ask.path.replace("SELF", self), {
    method: ask.method,
    ...(body !== undefined && { body: new TextEncoder().encode(body) }),
    headers: ask.type ? { "Content-Type": ask.type } : {},
  });
  const text = (await answer.text())
    .replaceAll(place.peerUrl, "PEER")
    .replaceAll(place.clientUrl, "CLIENT")
    .replaceAll(self, "SELF")
    .replaceAll(/"name":"(?:core-01|default)"/g, '"name":"NAME"')
    .replaceAll(/"id":"[0-9a-f]+"/g, '"id":"ID"');
  return {
    status: answer.status,
    type: answer.headers.get("content-type"),
    allow: answer.headers.get("allow"),
    hasClusterId: answer.headers.has("x-etcd-cluster-id"),
    body: text.startsWith('{"members"') ? sorted(text) : text,
  };
}

/** The order is that of ids, which differ. */
function sorted(text: string): unknown {
  const { members } = JSON.parse(text) as { members: object[] };
  return members.map((member) => JSON.stringify(member)).toSorted();
}

test("members are told, added, changed and refused as by a real etcd", async () => {
  await using cluster = await startCluster({ size: 1 });
  await using real = await startRealEtcd();
  const [ours] = cluster.servers;
  assert.ok(ours);
  const [ourSelf, realSelf] = await Promise.all([selfOf(ours), selfOf(real)]);
  for (const ask of ASKS) {
    const expected = await answerOf(real, realSelf, ask);
    assert.deepEqual(await answerOf(ours, ourSelf, ask), expected, JSON.stringify(ask));
  }
});
