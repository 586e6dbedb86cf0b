import assert from "node:assert/strict";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { connect as connectTls, type PeerCertificate, type TLSSocket } from "node:tls";
import { Fault } from "#base/fault.ts";
import { openHttpServer } from "#base/http-server.ts";
import { parseTlsAddress } from "#base/listen.ts";
import { type Logger, openLogger } from "#base/logger.ts";
import { ServerTls, type TlsFiles } from "#base/tls.ts";
import { TestAuthority } from "#base/tls-for-tests.ts";

let authority: TestAuthority;
before(() => {
  authority = new TestAuthority();
});
after(() => authority[Symbol.dispose]());

const ANY_PORT = parseTlsAddress("https://127.0.0.1:0");
const logger = openLogger("silent");

/** A logger that keeps what it is warned of. */
function keepingLogger(): { readonly told: string[]; readonly logger: Logger } {
  const told: string[] = [];
  const keeping = openLogger("silent");
  keeping.warn = ((facts: { reason?: string }, text: string) =>
    void told.push(`${text}: ${facts.reason}`)) as typeof keeping.warn;
  return { told, logger: keeping };
}

/** A server that tells each client its name, and its port. */
async function serve(files: TlsFiles, to = logger) {
  const tls = new ServerTls(files, to);
  const server = await openHttpServer(
    ANY_PORT,
    (req, res) => res.send(200, [], String(req.peerCommonName)),
    tls,
  );
  const { address } = server;
  assert.ok(address.kind === "tcp");
  return {
    port: address.port,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

interface Answer {
  readonly body: string;
  readonly certificate: PeerCertificate;
}

async function ask(port: number, own: Partial<TlsFiles> = {}): Promise<Answer> {
  const { certFile, keyFile } = own;
  const req = request({
    host: "127.0.0.1",
    port,
    agent: false,
    ca: readFileSync(authority.caFile),
    ...(certFile && keyFile ? { cert: readFileSync(certFile), key: readFileSync(keyFile) } : {}),
  });
  req.end();
  const [res] = await once(req, "response");
  const certificate = (res.socket as TLSSocket).getPeerCertificate();
  const chunks: Buffer[] = [];
  for await (const chunk of res) chunks.push(chunk as Buffer);
  return { body: Buffer.concat(chunks).toString(), certificate };
}

test("clients are served with TLS 1.2 and later, and with no certificate have no name", async () => {
  const files = { ...authority.issue("open"), caFiles: [], isClientCertRequired: false };
  await using server = await serve(files);
  assert.equal((await ask(server.port)).body, "undefined");
  const shown = { ...authority.issue("ignored") };
  assert.equal((await ask(server.port, shown)).body, "undefined"); // it was not asked for
  const old = connectTls({
    host: "127.0.0.1",
    port: server.port,
    minVersion: "TLSv1",
    maxVersion: "TLSv1.1",
    rejectUnauthorized: false,
    ciphers: "DEFAULT@SECLEVEL=0",
  });
  await assert.rejects(once(old, "secureConnect"), /version/i);
});

test("a client needs a certificate of the authority's when told so, and gives its name", async () => {
  const caFiles = [authority.caFile];
  const files = { ...authority.issue("closed"), caFiles, isClientCertRequired: true };
  const { told, logger: keeping } = keepingLogger();
  await using server = await serve(files, keeping);
  await assert.rejects(ask(server.port));
  await assert.rejects(ask(server.port));
  using other = new TestAuthority("another");
  await assert.rejects(ask(server.port, other.issue("stranger")));
  const mine = authority.issue("mine", { commonName: "worker 7" });
  assert.equal((await ask(server.port, mine)).body, "worker 7");
  const refused = "client refused by TLS; told once";
  assert.deepEqual(told, [
    `${refused}: it showed no certificate`,
    `${refused}: its certificate is not accepted: UNABLE_TO_VERIFY_LEAF_SIGNATURE`,
  ]);
});

test("a renewed certificate is used without a restart, a half renewed one not", async () => {
  const { certFile, keyFile } = authority.issue("first", { commonName: "first" });
  await using server = await serve({ certFile, keyFile, caFiles: [], isClientCertRequired: false });
  const name = async () => (await ask(server.port)).certificate.subject.CN;
  assert.equal(await name(), "first");
  const next = authority.issue("next", { commonName: "next" });
  copyFileSync(next.certFile, certFile);
  assert.equal(await name(), "first"); // its key is yet to come
  copyFileSync(next.keyFile, keyFile);
  assert.equal(await name(), "next");
  writeFileSync(certFile, "");
  assert.equal(await name(), "next");
});

test("a server ends although a client never began with TLS", async () => {
  const files = { ...authority.issue("end"), caFiles: [], isClientCertRequired: false };
  let silent: ReturnType<typeof connect>;
  {
    await using server = await serve(files);
    silent = connect(server.port, "127.0.0.1");
    silent.on("error", () => {});
    await once(silent, "connect");
    await ask(server.port); // so the server has seen the one before
  }
  if (!silent.destroyed) await once(silent, "close");
});

test("what is wrong with the files is said", () => {
  const good = authority.issue("good");
  const other = authority.issue("other");
  const none = authority.path("none.pem");
  const rows: [Partial<TlsFiles>, string, RegExp][] = [
    [{ certFile: none }, "FILE_UNREADABLE", /^Cannot read a certificate: .*none\.pem/],
    [{ keyFile: none }, "FILE_UNREADABLE", /^Cannot read a private key: .*none\.pem/],
    [{ caFiles: [none] }, "FILE_UNREADABLE", /^Cannot read an authority's certificate/],
    [{ keyFile: other.keyFile }, "CONFIG_INVALID", /it is not the key of the certificate/],
    [
      { certFile: good.keyFile },
      "CONFIG_INVALID",
      /good-key\.pem as a certificate: .*; expected PEM/,
    ],
    [{ keyFile: good.certFile }, "CONFIG_INVALID", /good\.pem as a private key: .*; expected PEM/],
    [{ keyFile: "" }, "CONFIG_INVALID", /without its key: name both/],
  ];
  for (const [wrong, code, message] of rows)
    assert.throws(
      () => new ServerTls({ ...good, caFiles: [], isClientCertRequired: false, ...wrong }, logger),
      (error) => {
        assert.ok(error instanceof Fault);
        assert.equal(error.code, code);
        assert.match(error.message, message);
        return true;
      },
    );
});

test("an expired certificate is served with a warning", () => {
  const { told, logger: keeping } = keepingLogger();
  const ended = authority.issue("ended", { endMs: Date.now() - 1000 });
  new ServerTls({ ...ended, caFiles: [], isClientCertRequired: false }, keeping);
  assert.match(told.join(), /has expired on .*; clients refuse it/);
});
