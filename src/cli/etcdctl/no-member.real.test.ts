import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { etcdctl } from "./main.ts";

/** What a proxy answers while no member does. */
const WORDS = "httpproxy: zero endpoints currently available";

for (const [exit, ...args] of [
  [4, "get", "a"],
  [4, "set", "a", "b"],
  [4, "watch", "a"],
  [4, "cluster-health"],
  [1, "member", "list"],
  [1, "role", "list"],
  [1, "auth", "enable"],
] as const)
  test(`etcdctl ${args.join(" ")} says that the proxy has no member to ask`, async (t) => {
    const server = createServer((_, response) =>
      response.writeHead(503).end(JSON.stringify({ message: WORDS })),
    ).listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const address = server.address();
    assert.ok(typeof address === "object" && address);
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const env = { ETCDCTL_ENDPOINTS: `http://127.0.0.1:${address.port}` };
    const signal = AbortSignal.timeout(30_000);
    const status = await etcdctl(args, { stdin, stdout, stderr, env, cwd: "/", signal });
    stderr.end();
    assert.equal(status, exit);
    const told = await text(stderr);
    assert.ok(
      told.includes(`no member of the store to ask just now (HTTP status 503, "${WORDS}")`),
      told,
    );
    assert.doesNotMatch(told, /check/);
  });
