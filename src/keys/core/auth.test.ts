import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mayAccess, mergeRole, mergeUser, type Permissions, type Role, type User } from "./auth.ts";
import { decodeRole, decodeUser, encodeRole, encodeUser } from "./auth-wire.ts";
import { byCodePoint } from "./code-point-order.ts";

const role = (read: Permissions["read"], write: Permissions["write"]): Role => ({
  role: "r",
  permissions: { read, write },
});

for (const [patterns, path, isRecursive, expected] of [
  [["/*"], "/", false, true],
  [["/*"], "", false, false],
  [["*"], "", true, true],
  [["/a"], "/a", false, true],
  [["/a"], "/a/", false, false],
  [["/a"], "/a/b", false, false],
  [["/a"], "/a", true, false],
  [["/a*"], "/ab/c", true, true],
  [["/a/*"], "/a", true, false],
  [["/x", "/a/*"], "/a/b", true, true],
  [[""], "", false, false],
  [[], "/a", false, false],
  [null, "/a", false, false],
] as const)
  test(`patterns ${JSON.stringify(patterns)}, path "${path}"${isRecursive ? " and below" : ""}: ${expected}`, () => {
    assert.equal(mayAccess(role(patterns, []), path, { isWrite: false, isRecursive }), expected);
    assert.equal(mayAccess(role([], patterns), path, { isWrite: true, isRecursive }), expected);
    assert.equal(mayAccess(role(patterns, []), path, { isWrite: true, isRecursive }), false);
    assert.ok(mayAccess({ ...role([], []), role: "root" }, path, { isWrite: true, isRecursive }));
  });

const anyNames = fc.option(
  fc.uniqueArray(fc.constantFrom("a", "b", "c", "\u{1f600}", "\uff5e"), { maxLength: 4 }),
);
const anyPermissions = fc.record({ read: anyNames, write: anyNames }, { noNullPrototype: true });
const anyUser = fc.record(
  {
    user: fc.string({ unit: "binary" }),
    password: fc.string(),
    roles: anyNames,
  },
  { noNullPrototype: true },
);

test("users and roles read as they were written", () => {
  fc.assert(
    fc.property(anyUser, anyPermissions, (user, permissions) => {
      const { grant, revoke, ...read } = decodeUser(encodeUser(user)) ?? assert.fail();
      assert.deepEqual({ read, grant, revoke }, { read: user, grant: null, revoke: null });
      const full = { role: "r", permissions, grant: permissions };
      assert.deepEqual(decodeRole(`${encodeRole(full)} {`), full);
    }),
  );
});

test("what is granted is there, what is revoked is not, and nothing else changes", () => {
  fc.assert(
    fc.property(anyUser, anyNames, anyNames, (old: User, grant, revoke) => {
      const next = mergeUser(old, { ...old, grant, revoke }, undefined);
      const before = new Set(old.roles);
      const granted = before.union(new Set(grant));
      const isRefused =
        !before.isDisjointFrom(new Set(grant)) || !new Set(revoke).isSubsetOf(granted);
      if ("message" in next) {
        const isNothing = !grant?.length && !revoke?.length;
        const isBack = granted.difference(new Set(revoke)).symmetricDifference(before).size === 0;
        assert.ok(isRefused || isNothing || isBack, next.message);
      } else
        assert.deepEqual(next.roles, [...granted.difference(new Set(revoke))].sort(byCodePoint));
    }),
  );
});

test("granting a pattern that is there is refused, revoking one that is not is nothing", () => {
  const old = role(["/b", "/a"], null);
  assert.deepEqual(mergeRole(old, { ...role(null, null), grant: { read: ["/a"], write: [] } }), {
    status: 409,
    message: "auth: Granting duplicate read permission /a",
  });
  const revoke = { read: ["/none", "/b"], write: [] };
  assert.deepEqual(mergeRole(old, { ...role(null, null), revoke }), role(["/a"], []));
});

test("byCodePoint() orders as UTF-8 bytes would be", () => {
  const anyText = fc.string({
    unit: fc.constantFrom("a", "b", "\ud7ff", "\ue000", "\uffff", "\u{1f600}"),
  });
  fc.assert(
    fc.property(anyText, anyText, (a, b) => {
      assert.equal(Math.sign(byCodePoint(a, b)), Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});

test("texts that are no user or role are refused, and nothing else is thrown", () => {
  for (const text of ["", "x", "{", "[]", '"a"', "1", '{"user":1}', '{"roles":"x"}', '{"a":"}'])
    assert.equal(decodeUser(text), undefined, text);
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      decodeUser(text);
      decodeRole(text);
    }),
  );
});
