import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { makeSelfSigned } from "#base/self-signed.ts";

const nowMs = Date.UTC(2026, 10, 21);
const options = { commonName: "keelson", days: 365, nowMs };

test("a self-signed certificate names its hosts, holds its key and verifies", () => {
  const { cert, key } = makeSelfSigned(["localhost", "127.0.0.1", "::1", "fd00::1:2"], options);
  const read = new X509Certificate(cert);
  assert.ok(read.verify(read.publicKey));
  assert.equal(read.checkHost("localhost"), "localhost");
  assert.equal(read.checkHost("elsewhere"), undefined);
  for (const address of ["127.0.0.1", "::1", "fd00::1:2"])
    assert.equal(read.checkIP(address), address);
  assert.equal(read.checkIP("127.0.0.2"), undefined);
  assert.equal(read.ca, false);
  assert.match(read.subject, /CN=keelson/);
  assert.equal(Date.parse(read.validTo), nowMs + 365 * 86_400_000);
  assert.match(key, /BEGIN PRIVATE KEY/);
});

test("any address and any number of names can be written", () => {
  const hosts = fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()), {
    minLength: 1,
    maxLength: 40,
  });
  fc.assert(
    fc.property(hosts, fc.integer({ min: 1, max: 20_000 }), (names, days) => {
      const { cert } = makeSelfSigned(names, { ...options, days });
      const read = new X509Certificate(cert);
      assert.ok(read.verify(read.publicKey));
      assert.equal(Date.parse(read.validTo), nowMs + days * 86_400_000);
      assert.equal(read.subjectAltName?.split(", ").length, names.length);
    }),
    { numRuns: 50 },
  );
});
