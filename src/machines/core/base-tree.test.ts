import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { baseTree, etcdUrl, fleetUrl } from "#machines/core/base-tree.ts";
import { type Machine, PLAIN_EQUIPMENT } from "#machines/core/machine.ts";
import { unusableCharacter } from "#machines/core/unusable-character.ts";

const MACHINE: Machine = {
  name: "core-02",
  number: 2,
  id: "0123456789abcdef0123456789abcdef",
  address: "127.0.1.2",
  metadata: { role: "worker", disk: "ssd" },
  equipment: PLAIN_EQUIPMENT,
};

function treeOf(root: string, program: string): Map<string, string> {
  const files = baseTree({ machine: MACHINE, root, program });
  return new Map(files.map(({ path, content }) => [path, content]));
}

test("baseTree() says who the machine is", () => {
  const tree = treeOf("/m", "/k/bin/keelson");
  assert.equal(tree.get("etc/machine-id"), `${MACHINE.id}\n`);
  assert.equal(tree.get("etc/hostname"), "core-02\n");
  assert.equal(
    tree.get("etc/environment"),
    "COREOS_PRIVATE_IPV4=127.0.1.2\nCOREOS_PUBLIC_IPV4=127.0.1.2\n",
  );
  assert.equal(tree.get("etc/keelson/metadata"), "role=worker\ndisk=ssd\n");
  assert.equal(fleetUrl(MACHINE), "http://127.0.1.2:49153");
  assert.equal(etcdUrl(MACHINE), "http://127.0.1.2:2379");
});

test("baseTree() masks the message bus that Debian starts for every user manager", () => {
  assert.equal(treeOf("/m", "/k").get("usr/lib/systemd/system/dbus.socket"), "");
});

test("baseTree() names program and root so that systemd reads them as they are", () => {
  const tree = treeOf("/a b/100%/m", "/opt/my keelson/bin/keelson");
  const etcd = tree.get("usr/lib/systemd/system/etcd2.service") ?? "";
  assert.match(etcd, /^ExecStart="\/opt\/my keelson\/bin\/keelson" etcd2$/m);
  assert.match(etcd, /^Environment="ETCD_DATA_DIR=\/a b\/100%%\/m\/var\/lib\/etcd2"$/m);
  const cloudinit = tree.get("usr/lib/systemd/system/coreos-cloudinit.service") ?? "";
  assert.match(cloudinit, /^ConditionPathExists=\/a b\/100%%\/m\/var\/lib\/coreos-install/m);
});

test("baseTree() writes each file once, inside of the tree, its lines whole", () => {
  const segment = fc.stringMatching(/^[a-zA-Z0-9 %._-]{1,12}$/);
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
      const files = baseTree({ machine: MACHINE, root: `/${segments.join("/")}`, program: "/k" });
      assert.equal(new Set(files.map((file) => file.path)).size, files.length);
      for (const { path, content } of files) {
        assert.doesNotMatch(path, /^\/|(^|\/)\.\.(\/|$)/);
        assert.ok(content === "" || content.endsWith("\n"), path);
      }
    }),
  );
});

test("unusableCharacter() finds what parts lists or breaks quotes, and nothing in usual paths", () => {
  for (const path of ["/var/lib/keelson", "/home/jörg/my state/50%", "/a-b_c+d@e~f.g(h)[i]"])
    assert.equal(unusableCharacter(path), undefined, path);
  for (const character of [":", ",", ";", "$", '"', "'", "\\", "\n", "\t", "\x7f"])
    assert.equal(unusableCharacter(`/a${character}b`), character);
});
