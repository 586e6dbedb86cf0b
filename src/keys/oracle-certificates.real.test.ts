import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { type TestContext, test } from "node:test";
import { parseTlsAddress } from "#base/listen.ts";
import { openLogger } from "#base/logger.ts";
import { ServerTls } from "#base/tls.ts";
import { TestAuthority } from "#base/tls-for-tests.ts";
import { startMember } from "#keys/member-for-tests.ts";
import { type Ask, bodyOf, del, get, put } from "#keys/oracle.ts";
import { auth } from "#keys/oracle-auth-scenarios.ts";
import { freePort, startRealEtcd } from "#keys/real-etcd.ts";

/** Two users of both stores; a third has a certificate and is no user. */
const SETUP: readonly Ask[] = [
  put("/open/a", "value=1"),
  put("/mine/a", "value=1"),
  auth("PUT", "/users/root", { user: "root", password: "secret" }),
  auth("PUT", "/users/ann", { user: "ann", password: "p", roles: ["mine"] }),
  auth("PUT", "/roles/mine", { role: "mine", permissions: { kv: { read: ["/mine/*"] } } }),
  auth("PUT", "/roles/guest", { role: "guest", permissions: { kv: { read: ["/open/*"] } } }),
  auth("PUT", "/enable"),
];

const ASKED: readonly Ask[] = [
  get("/mine/a"),
  get("/mine/?recursive=true"),
  get("/open/a"),
  put("/mine/a", "value=2"),
  del("/open/a"),
  auth("GET", "/users"),
  auth("GET", "/enable"),
  { method: "POST", path: "/v2/members" },
];

/** A real etcd and ours, which ask every client for a certificate of the test's authority. */
async function openBoth(t: TestContext, authority: TestAuthority) {
  const { certFile, keyFile } = authority.issue("server");
  const [plain, theirs, mine] = [await freePort(), await freePort(), await freePort()];
  const etcd = await startRealEtcd({
    clientPort: plain,
    flags: {
      "--listen-client-urls": `http://127.0.0.1:${plain},https://127.0.0.1:${theirs}`,
      "--cert-file": certFile,
      "--key-file": keyFile,
      "--trusted-ca-file": authority.caFile,
      "--client-cert-auth": "true",
    },
  });
  t.after(() => etcd[Symbol.asyncDispose]());
  const caFiles = [authority.caFile];
  const files = { certFile, keyFile, caFiles, isClientCertRequired: true };
  const member = await startMember({
    address: parseTlsAddress(`https://127.0.0.1:${mine}`),
    server: new ServerTls(files, openLogger("silent")),
  });
  t.after(() => member[Symbol.asyncDispose]());
  return [theirs, mine] as const;
}

test("a certificate's common name is the user, where no password says otherwise", async (t) => {
  using authority = new TestAuthority();
  const ports = await openBoth(t, authority);
  const sender = (name: string) => {
    const { certFile, keyFile } = authority.issue(name);
    const cert = readFileSync(certFile);
    const key = readFileSync(keyFile);
    const ca = readFileSync(authority.caFile);
    return async (port: number, ask: Ask) => {
      const { method, path, form, user, contentType = "application/x-www-form-urlencoded" } = ask;
      const headers = form === undefined ? {} : { "Content-Type": contentType };
      const basic = user === undefined ? {} : { auth: user };
      const target = { host: "127.0.0.1", port, method, path, ca, cert, key, agent: false };
      const req = request({ ...target, headers, ...basic });
      req.end(form);
      const [res] = await once(req, "response");
      return { status: res.statusCode, body: await bodyOf(res) };
    };
  };
  const users = { ann: sender("ann"), root: sender("root"), stranger: sender("stranger") };
  const statuses: (number | undefined)[] = [];
  const compare = async (name: keyof typeof users, ask: Ask) => {
    const [theirs, mine] = await Promise.all(ports.map((port) => users[name](port, ask)));
    assert.deepEqual(mine, theirs, `${name}: ${ask.method} ${ask.path} ${ask.user ?? ""}`);
    statuses.push(mine?.status);
  };
  for (const ask of SETUP) await compare("stranger", ask);
  for (const ask of ASKED) {
    for (const name of ["ann", "stranger", "root"] as const) await compare(name, ask);
    for (const user of ["root:secret", "ann:x"]) await compare("ann", { ...ask, user });
  }
  assert.ok(statuses.includes(200) && statuses.includes(401));
});
