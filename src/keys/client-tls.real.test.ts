import assert from "node:assert/strict";
import { copyFileSync, readFileSync } from "node:fs";
import { createServer as createPlain } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { Fault } from "#base/fault.ts";
import { openLogger } from "#base/logger.ts";
import { followClientTls } from "#base/tls.ts";
import { TestAuthority } from "#base/tls-for-tests.ts";
import { openKeysClient } from "./client.ts";

let authority: TestAuthority;
before(() => {
  authority = new TestAuthority();
});
after(() => authority[Symbol.dispose]());

const read = ({ certFile, keyFile }: { certFile: string; keyFile: string }) => ({
  cert: readFileSync(certFile),
  key: readFileSync(keyFile),
});

type TestServer = ReturnType<typeof createServer> | ReturnType<typeof createPlain>;

/** What a client says of a server that shows this, and asks for a certificate or not. */
async function failure(server: TestServer, tls: Record<string, Buffer>): Promise<Fault> {
  await using at = await serving(server);
  await using client = openKeysClient({
    endpoints: [`https://127.0.0.1:${at.port}`],
    connectTimeoutMs: 20_000,
    requestTimeoutMs: 20_000,
    tls,
  });
  const error: unknown = await client
    .set("/x", "1", {}, AbortSignal.timeout(30_000))
    .catch((reason: unknown) => reason);
  assert.ok(error instanceof Fault, String(error));
  return error;
}

async function serving(server: TestServer) {
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

test("a client says what is wrong with a server's certificate, and that nothing was sent", async () => {
  const ca = readFileSync(authority.caFile);
  const shows = (name: string, options = {}) => {
    const issued = authority.issue(name, options);
    return createServer(read(issued), (_, res) => res.end());
  };
  const rows = [
    [
      shows("elsewhere", { hosts: ["DNS:other.example"] }),
      { ca },
      /is for other\.example, not 127/,
    ],
    [shows("unknown"), {}, /signed by no authority that this client trusts; name/],
    [shows("ended", { endMs: Date.now() - 1000 }), { ca }, /certificate has expired/],
    [createPlain((_, res) => res.end()), { ca }, /does not speak TLS; use http/],
  ] as const;
  for (const [server, tls, message] of rows) {
    const fault = await failure(server, tls);
    assert.match(fault.message, message);
    assert.equal(fault.facts["ambiguous"], undefined, fault.message);
  }
});

test("a client that runs for long uses a renewed certificate, and its requests go on", async () => {
  const ca = readFileSync(authority.caFile);
  const { certFile, keyFile } = authority.issue("before");
  const seen: string[] = [];
  const wants = { requestCert: true, ca };
  await using server = await serving(
    createServer({ ...read(authority.issue("server-of-renewal")), ...wants }, (req, res) => {
      seen.push(String((req.socket as TLSSocket).getPeerCertificate().subject.CN));
      res.setHeader("X-Etcd-Index", "1").end('{"action":"get","node":{"key":"/","dir":true}}');
    }),
  );
  await using client = openKeysClient({
    endpoints: [`https://127.0.0.1:${server.port}`],
    connectTimeoutMs: 20_000,
    requestTimeoutMs: 20_000,
    tls: followClientTls({ certFile, keyFile, caFiles: [authority.caFile] }, openLogger("silent")),
  });
  const signal = AbortSignal.timeout(30_000);
  await client.get("/", {}, signal);
  const next = authority.issue("after");
  copyFileSync(next.keyFile, keyFile);
  copyFileSync(next.certFile, certFile);
  while (seen.at(-1) !== "after") {
    await client.get("/", {}, signal);
    await sleep(50);
  }
  assert.equal(seen[0], "before");
});

test("a client says that its own certificate is wanted, or not accepted", async () => {
  const ca = readFileSync(authority.caFile);
  const options = { ...read(authority.issue("server")), requestCert: true, ca };
  const needs = () => createServer(options, (_, res) => res.end());
  const none = await failure(needs(), { ca });
  assert.match(none.message, /wants a certificate of this client; name one/);
  assert.equal(none.facts["ambiguous"], undefined);
  using other = new TestAuthority("another");
  const strange = await failure(needs(), { ca, ...read(other.issue("stranger")) });
  assert.match(strange.message, /may want another certificate of this client/);
});
