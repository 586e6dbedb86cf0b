import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { after, before, test } from "node:test";
import { freePort } from "#keys/real-etcd.ts";
import { type Case, compare, runOurs, type Servers } from "./compare-for-tests.ts";

let server: Server;
let cluster: Servers;
/** What the one server answers now, by path; nothing there is a 404. */
let answers: Readonly<Record<string, string | number>> = {};

before(async () => {
  server = createServer((request, response) => {
    const answer = answers[request.url ?? ""] ?? 404;
    response.setHeader("X-Etcd-Index", "1");
    response.statusCode = typeof answer === "number" ? answer : 200;
    response.end(typeof answer === "number" ? "" : answer);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? address?.port : "";
  const nobody = `http://127.0.0.1:${await freePort()}`;
  cluster = { clientUrl: `http://127.0.0.1:${port}`, peerUrl: "http://peer", nobody };
});
after(() => {
  server.closeAllConnections();
  server.close();
});

/** `/v2/members` of members that publish these URLs. */
function members(...published: string[][]): string {
  const list = published.map((clientURLs, i) => ({
    id: `a${i}`,
    name: `m${i}`,
    peerURLs: [],
    clientURLs: clientURLs.map((url) =>
      url.replace("CLIENT", cluster.clientUrl).replace("NOBODY", cluster.nobody),
    ),
  }));
  return JSON.stringify({ members: list });
}

const HEALTHY = '{"health":"true"}';
const KEY = '{"action":"get","node":{"key":"/a","value":"v","modifiedIndex":1,"createdIndex":1}}';

interface Health extends Case {
  readonly published: readonly string[][] | string | number;
  readonly health?: string | number;
}

const CASES: Record<string, Health> = {
  "all are well": { line: "cluster-health", published: [["CLIENT"], ["CLIENT"]], health: HEALTHY },
  "health is a boolean": {
    line: "cluster-health",
    published: [["CLIENT"]],
    health: '{"health":true}',
  },
  "one is gone": { line: "cluster-health", published: [["NOBODY"], ["CLIENT"]], health: HEALTHY },
  "one publishes nothing": { line: "cluster-health", published: [[], ["CLIENT"]], health: HEALTHY },
  "its second URL answers": {
    line: "cluster-health",
    published: [["NOBODY", "CLIENT"]],
    health: HEALTHY,
  },
  "all are gone": { line: "cluster-health", published: [["NOBODY"], ["NOBODY", "NOBODY"]] },
  "without a leader": {
    line: "cluster-health",
    published: [["CLIENT"]],
    health: '{"health":"false"}',
  },
  "without a word of health": { line: "cluster-health", published: [["CLIENT"]], health: "{}" },
  "no members": { line: "cluster-health", published: [] },
  "members without a list": { line: "cluster-health", published: "{}" },
  "published elsewhere": { line: "get a", published: [["NOBODY"]] },
  "published elsewhere, not asked": { line: "--no-sync get a", published: [["NOBODY"]] },
  "a write published elsewhere": { line: "set a 1", published: [["NOBODY"]] },
  "published nowhere": { line: "get a", published: [[]] },
  "published nowhere, member list": { line: "member list", published: [[]] },
  "no members to publish": { line: "get a", published: "{}" },
  "no members API": { line: "get a", published: 404 },
  "no members API, member list": { line: "member list", published: 404 },
  "no leader": {
    line: "--no-sync member list",
    published: [["CLIENT"]],
    ours: {
      because: "without a leader the list is worth as much",
      stdout: "a0: name=m0 peerURLs= clientURLs=CLIENT isLeader=false\n",
    },
  },
  "no auth API": { line: "role list", published: [["CLIENT"]] },
};

for (const [what, { published, health, ...row }] of Object.entries(CASES))
  test(`etcdctl ${row.line}: ${what}`, async () => {
    answers = {
      "/v2/members": Array.isArray(published) ? members(...published) : (published as string),
      ...(health === undefined ? {} : { "/health": health }),
      "/v2/keys/a?quorum=false&recursive=false&sorted=false": KEY,
    };
    await compare(row, cluster, { "the same": cluster });
  });

test("a person is told of members that publish addresses where they are not", async () => {
  answers = { "/v2/members": members(["NOBODY"]) };
  const env = { ETCDCTL_ENDPOINTS: cluster.clientUrl };
  const { exit, stderr } = await runOurs({ args: ["get", "a"], env, stdin: "", terminal: true });
  assert.equal(exit, 4);
  assert.match(
    stderr,
    /\nhint: this is where the members say that they are; `--no-sync` asks http/,
  );
});
