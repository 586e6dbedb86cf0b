import assert from "node:assert/strict";
import { test } from "node:test";
import { openHttpServer } from "#base/http-server.ts";
import { parseAddress } from "#base/listen.ts";
import { withCors } from "#keys/cors.ts";
import { answerNotFound } from "#keys/http-answers.ts";
import { freePort, startRealEtcd } from "#keys/real-etcd.ts";

const COMPARED = [
  "access-control-allow-headers",
  "access-control-allow-methods",
  "access-control-allow-origin",
  "allow",
  "content-length",
  "content-type",
];

async function ask(url: string, method: string, origin: string | undefined) {
  const headers = origin === undefined ? {} : { Origin: origin };
  const answer = await fetch(`${url}/nowhere`, { method, headers });
  const compared = COMPARED.map((name) => [name, answer.headers.get(name)] as const);
  return { status: answer.status, ...Object.fromEntries(compared), body: await answer.text() };
}

for (const origins of ["http://a.example:80,http://b.example:8080", "*"])
  test(`CORS for ${origins} is etcd's`, async () => {
    await using real = await startRealEtcd({ flags: { "--cors": origins } });
    const url = `http://127.0.0.1:${await freePort()}`;
    const handle = withCors(origins.split(","), (_, res) => answerNotFound(res));
    await using _ours = await openHttpServer(parseAddress(url), handle);
    for (const origin of [undefined, "http://a.example:80", "http://b.example", "http://c"])
      for (const method of ["GET", "OPTIONS", "PUT", "DELETE"]) {
        const what = `${method} from ${origin}`;
        assert.deepEqual(
          await ask(url, method, origin),
          await ask(real.clientUrl, method, origin),
          what,
        );
      }
  });

test("without origins no header is told, and OPTIONS is answered all the same", async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const handle = withCors([], (_, res) => answerNotFound(res));
  await using _ours = await openHttpServer(parseAddress(url), handle);
  const options = await ask(url, "OPTIONS", "http://a.example");
  assert.equal(options.status, 200);
  assert.ok(Object.values(options).every((value) => value !== "http://a.example"));
  assert.equal((await ask(url, "GET", "http://a.example")).status, 404);
});
