import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { FakeClock } from "#base/fake-clock.ts";
import type { HttpRequest } from "#base/http.ts";
import { seededRandom } from "#base/random.ts";
import { AuthChanges } from "#keys/auth-changes.ts";
import { AuthGate } from "#keys/auth-gate.ts";
import { hashPassword, PasswordChecks } from "#keys/auth-passwords.ts";
import { KeysServer } from "#keys/keys-server.ts";
import { MemoryDisk, MemoryLog } from "#log/memory-log.ts";

const UNCHANGED = { password: "", roles: null, grant: null, revoke: null };
const ALL = { read: ["/*"], write: ["/*"] };

function open(t: TestContext, disk = new MemoryDisk()) {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const log = new MemoryLog(disk, { clock, random: seededRandom(1), delayMaxMs: 0 });
  const random = seededRandom(disk.opened);
  const server = new KeysServer(log, { clock, random, snapshotEvery: 7, onFault: () => {} });
  t.after(() => server[Symbol.asyncDispose]());
  return { disk, server, gate: new AuthGate(server), changes: new AuthChanges(server) };
}

type Opened = ReturnType<typeof open>;

/** Authentication is on; `me` may read below /me, by the password `mine`; guests may do nothing. */
async function close({ changes }: Opened): Promise<void> {
  await changes.putUser({ ...UNCHANGED, user: "root", password: "secret" });
  await changes.putUser({ ...UNCHANGED, user: "me", password: "mine", roles: ["reader"] });
  await changes.createRole({ role: "reader", permissions: { read: ["/me/*"], write: null } });
  await changes.createRole({ role: "guest", permissions: { read: null, write: null } });
  assert.equal(await changes.enable(), undefined);
}

interface Asking {
  readonly method?: string;
  readonly basic?: string;
  readonly commonName?: string;
}

function request({ method = "GET", basic, commonName }: Asking): HttpRequest {
  const authorization = basic && `Basic ${Buffer.from(basic).toString("base64")}`;
  return {
    method,
    target: "/",
    peerCommonName: commonName,
    remoteAddress: undefined,
    header: (name) => (name === "authorization" ? authorization : undefined),
    readBody: (_, done) => done(""),
  };
}

function mayUse({ gate }: Opened, path: string, asking: Asking, isRecursive = false) {
  return new Promise<boolean>((tell) => gate.checkKeys(request(asking), path, isRecursive, tell));
}

test("by password, by certificate, as a guest: who may use which keys", async (t) => {
  const opened = open(t);
  assert.ok(await mayUse(opened, "/x", {}));
  await close(opened);
  for (const [path, asking, isAllowed] of [
    ["/me/x", { basic: "me:mine" }, true],
    ["/me/x", { commonName: "me" }, true],
    ["/me/x", { basic: "me:x", commonName: "me" }, false],
    ["/me/x", { basic: "none:mine" }, false],
    ["/me/x", { commonName: "none" }, false],
    ["/me/x", {}, false],
    ["/me/x", { basic: "me:mine", method: "PUT" }, false],
    ["/x", { basic: "me:mine" }, false],
    ["/x", { basic: "root:secret", method: "DELETE" }, true],
    ["/x", { basic: "../users/root:secret" }, true],
    ["/x", { basic: "../enabled:true" }, false],
  ] as const)
    assert.equal(
      await mayUse(opened, path, asking),
      isAllowed,
      `${path} ${JSON.stringify(asking)}`,
    );
  assert.ok(await mayUse(opened, "/me/", { basic: "me:mine" }, true));
});

test("a password that is changed lets nobody in by the old one", async (t) => {
  const opened = open(t);
  await close(opened);
  const [old, fresh] = [{ basic: "me:mine" }, { basic: "me:new" }];
  assert.ok(await mayUse(opened, "/me/x", old));
  await opened.changes.putUser({ ...UNCHANGED, user: "me", password: "new" });
  assert.equal(await mayUse(opened, "/me/x", old), false);
  assert.ok(await mayUse(opened, "/me/x", fresh));
  await opened.changes.deleteUser("me");
  assert.equal(await mayUse(opened, "/me/x", fresh), false);
});

test("users, roles and their passwords outlive the server, in its log and its snapshots", async (t) => {
  const first = open(t);
  await close(first);
  await first.server[Symbol.asyncDispose]();
  const again = open(t, first.disk);
  assert.ok(again.gate.isEnabled);
  assert.equal(again.server.etcdIndex, first.server.etcdIndex);
  assert.ok(await mayUse(again, "/me/x", { basic: "me:mine" }));
  assert.equal(await mayUse(again, "/me/x", {}), false);
});

test("changes at the same time lose nothing", async (t) => {
  const { changes, gate } = open(t);
  await changes.putUser({ ...UNCHANGED, user: "me", password: "mine" });
  await changes.createRole({ role: "r", permissions: { read: null, write: null } });
  const names = ["a", "b", "c", "d"];
  await Promise.all([
    ...names.map((role) => changes.putUser({ ...UNCHANGED, user: "me", grant: [role] })),
    ...names.map((key) =>
      changes.updateRole({ role: "r", permissions: ALL, grant: { read: [`/${key}`], write: [] } }),
    ),
  ]);
  assert.deepEqual(gate.user("me")?.roles, names);
  assert.deepEqual(gate.role("r")?.permissions.read, ["/a", "/b", "/c", "/d"]);
});

test("a right password is remembered, a wrong one is not, and what is stored can be read by nobody", async () => {
  const checks = new PasswordChecks();
  const stored = await hashPassword("secret");
  assert.match(stored, /^\$scrypt\$ln=14,r=8,p=5\$/);
  assert.notEqual(await hashPassword("secret"), stored);
  assert.ok(!checks.isKnown(stored, "secret"));
  const both = await Promise.all([checks.check(stored, "secret"), checks.check(stored, "secret")]);
  assert.deepEqual(both, [true, true]);
  assert.ok(checks.isKnown(stored, "secret"));
  assert.equal(await checks.check(stored, "other"), false);
  assert.ok(!checks.isKnown(stored, "other"));
  for (const odd of ["", "secret", "$scrypt$ln=14,r=8,p=5$AA==$", "$scrypt$ln=0,r=0,p=0$AA==$AAAA"])
    assert.equal(await checks.check(odd, "secret"), false, odd);
});
