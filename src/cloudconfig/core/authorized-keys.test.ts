import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  isKeyLine,
  isPartName,
  keysOfAnswer,
  originalPart,
  sumOfParts,
} from "./authorized-keys.ts";

const ED25519 = "AAAAC3NzaC1lZDI1NTE5AAAAIGPk9WPDx3bGVeFVbIYD6r0gnBcFwYuTnv5AkN7aOL8f";

for (const [line, is] of [
  [`ssh-ed25519 ${ED25519}`, true],
  [`ssh-ed25519 ${ED25519} me@example`, true],
  [`no-pty,command="echo hi" ssh-ed25519 ${ED25519} me`, true],
  [`ssh-rsa ${ED25519}`, false], // another type than the data says
  ["ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC0g+ZTxC7weoIJLUafOgrm+h...", false],
  ["put your /root/.ssh/id_rsa.pub here", false],
  [`ssh-ed25519 ${ED25519.slice(0, -1)}`, false],
  ["ssh-ed25519", false],
  ["", false],
] as const)
  test(`isKeyLine() says ${is} of ${JSON.stringify(line)}`, () => {
    assert.equal(isKeyLine(line), is);
  });

test("isKeyLine() takes keys of every type that begins with its name", () => {
  for (const type of [
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "sk-ssh-ed25519@openssh.com",
    "ssh-rsa-cert-v01@openssh.com",
  ]) {
    const data = btoa(`${String.fromCharCode(0, 0, 0, type.length)}${type}${"\0".repeat(36)}`);
    assert.equal(isKeyLine(`${type} ${data} me`), data.length % 4 === 0, type);
  }
});

test("sumOfParts() has every part's lines, whatever the order they come in", () => {
  const part = fc.record({
    name: fc.stringMatching(/^[a-z]{1,3}$/),
    content: fc.stringMatching(/^(k\d\n?){0,3}$/),
  });
  const parts = fc.uniqueArray(part, { selector: ({ name }) => name, maxLength: 4 });
  fc.assert(
    fc.property(parts, (some) => {
      const sum = sumOfParts(some);
      assert.equal(sum, sumOfParts(some.toReversed()));
      const lines = some.flatMap(({ content }) => content.split("\n").filter(Boolean));
      assert.deepEqual(sum.split("\n").slice(1, -1).toSorted(), lines.toSorted());
      assert.equal(originalPart(sum), sum.slice(sum.indexOf("\n") + 1));
    }),
  );
  assert.equal(originalPart("# mine\nk\n"), "# mine\nk\n");
});

test("isPartName() takes names of files, and none that leads away or is hidden", () => {
  for (const name of ["coreos-cloudinit", "github-octo", "a b", "x.pub"])
    assert.ok(isPartName(name), name);
  for (const name of ["", ".", "..", ".a", "a/b", "/a", "a\nb", "a\0", "x".repeat(300)])
    assert.ok(!isPartName(name), name);
});

test("keysOfAnswer() reads GitHub's list, and nothing else", () => {
  const answer = '[{"id": 1, "key": "ssh-rsa A"}, {"key": " ssh-rsa B \\n\\nssh-rsa C"}]';
  assert.deepEqual(keysOfAnswer(answer), ["ssh-rsa A", "ssh-rsa B", "ssh-rsa C"]);
  assert.deepEqual(keysOfAnswer("[]"), []);
  for (const other of [
    "",
    "<html>",
    '{"message":"Not Found"}',
    '["k"]',
    "[{}]",
    "[null]",
    '[{"key":1}]',
  ])
    assert.equal(keysOfAnswer(other), undefined, other);
});
