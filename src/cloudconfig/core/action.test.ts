import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { contentOf, type WriteAction } from "./action.ts";
import { environmentDropIn } from "./daemon-environment.ts";

function written(content: string): WriteAction {
  return { kind: "write", path: "/a", content, permissions: "0644" };
}

test("contentOf() shows what is written, without daemons' passwords", () => {
  const file =
    '[Service]\nEnvironment="FLEET_ETCD_PASSWORD=a \\"b\\" c"\nEnvironment="FLEET_X=y"\n';
  assert.equal(
    contentOf(written(file)),
    '[Service]\nEnvironment="FLEET_ETCD_PASSWORD=********"\nEnvironment="FLEET_X=y"\n',
  );
  assert.equal(
    contentOf(written("FLANNELD_ETCD_PASSWORD=a b\nB=c\n")),
    "FLANNELD_ETCD_PASSWORD=********\nB=c\n",
  );
  assert.equal(contentOf({ kind: "mask", path: "/a" }), "");
});

test("contentOf() hides a password whatever characters it has", () => {
  const characters = fc.constantFrom('"', "\\", "\n", "s3cret", " ", "=", "$");
  fc.assert(
    fc.property(fc.array(characters, { minLength: 1, maxLength: 6 }), (parts) => {
      const content = environmentDropIn([
        ["ETCD_PASSWORD", parts.join("")],
        ["B", "c"],
      ]);
      const shown = contentOf(written(content));
      assert.equal(shown, '[Service]\nEnvironment="ETCD_PASSWORD=********"\nEnvironment="B=c"\n');
    }),
  );
});
