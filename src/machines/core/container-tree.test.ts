import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { baseRecipe, isPackageName } from "./container-recipe.ts";
import { CONTAINER_LINKS, containerTree } from "./container-tree.ts";
import type { Equipment } from "./machine.ts";

function tree(equipment: Equipment, mayRaiseLimits = true): ReadonlyMap<string, string> {
  const machine = {
    name: "core-02",
    number: 2,
    id: "ab".repeat(16),
    address: "10.64.5.2",
    metadata: { role: "worker", disk: "ssd" },
    equipment,
  };
  const nameservers = ["192.0.2.53"];
  const facts = { machine, publicKey: "ssh-ed25519 AAAA keelson\n", mayRaiseLimits, nameservers };
  const files = containerTree({ ...facts, environment: { KEELSON_SOURCE: "1" } });
  const paths = files.map(({ path }) => path);
  assert.deepEqual(paths, [...new Set(paths)], "no file is written twice");
  assert.deepEqual(
    paths.filter((path) => path.startsWith("/") || path in CONTAINER_LINKS),
    [],
  );
  return new Map(files.map(({ path, content }) => [path, content]));
}

test("a container's disk says who it is", () => {
  const files = tree({ folders: [] });
  assert.equal(files.get("etc/machine-id"), `${"ab".repeat(16)}\n`);
  assert.equal(files.get("etc/hostname"), "core-02\n");
  assert.match(files.get("etc/environment") ?? "", /^COREOS_PRIVATE_IPV4=10\.64\.5\.2$/m);
  assert.equal(files.get("etc/keelson/metadata"), "role=worker\ndisk=ssd\n");
  assert.match(
    files.get("usr/lib/systemd/network/zz-keelson.network") ?? "",
    /^Address=10\.64\.5\.2\/24$/m,
  );
  assert.match(files.get("etc/hosts") ?? "", /^10\.64\.5\.2 core-02$/m);
});

test("only a machine that is to reach other networks has a way to them", () => {
  const network = (equipment: Equipment) =>
    tree(equipment).get("usr/lib/systemd/network/zz-keelson.network") ?? "";
  assert.doesNotMatch(network({ folders: [] }), /Gateway/);
  assert.match(network({ folders: [], internet: true }), /^Gateway=10\.64\.5\.254$/m);
  assert.equal(tree({ folders: [] }).get("etc/resolv.conf"), "nameserver 192.0.2.53\n");
});

test("units, logins and shells have the same environment", () => {
  const files = tree({ folders: [] });
  for (const path of [
    "etc/systemd/system.conf.d/10-keelson.conf",
    "etc/ssh/sshd_config.d/10-keelson.conf",
  ])
    assert.match(
      files.get(path) ?? "",
      /"ETCDCTL_ENDPOINTS=http:\/\/10\.64\.5\.2:2379,http:\/\/127\.0\.0\.1:2379".*"KEELSON_SOURCE=1"/,
    );
  assert.match(files.get("etc/profile.d/keelson.sh") ?? "", /^export KEELSON_SOURCE='1'$/m);
});

test("the daemons are units of the system, at the paths that CoreOS has", () => {
  const files = tree({ folders: [] });
  const etcd2 = files.get("usr/lib/systemd/system/etcd2.service") ?? "";
  assert.match(etcd2, /^Environment="ETCD_DATA_DIR=\/var\/lib\/etcd2"$/m);
  assert.match(etcd2, /^ExecStart="\/usr\/bin\/keelson" etcd2$/m);
  for (const [path, target] of Object.entries(CONTAINER_LINKS))
    assert.ok(files.has(`usr/lib/systemd/system/${target.replace("../", "")}`), path);
});

test("the channel is the one asked for, else stable", () => {
  const channel = (equipment: Equipment) => tree(equipment).get("usr/share/coreos/update.conf");
  assert.equal(channel({ folders: [] }), "GROUP=stable\n");
  assert.equal(channel({ folders: [], channel: "alpha" }), "GROUP=alpha\n");
});

test("containers' engines are told of limits only where they cannot raise them", () => {
  const path = "etc/containers/containers.conf.d/10-keelson.conf";
  assert.equal(tree({ folders: [] }).get(path), "");
  assert.match(tree({ folders: [] }, false).get(path) ?? "", /^cgroups = "disabled"$/m);
});

test("a recipe follows from the set of packages alone", () => {
  const names = fc.array(fc.constantFrom("podman", "dnsmasq", "jq", "sudo"));
  fc.assert(
    fc.property(names, (packages) => {
      const shuffled = [...new Set(packages)].toReversed();
      assert.deepEqual(baseRecipe(packages), baseRecipe(shuffled));
    }),
  );
  assert.notDeepEqual(baseRecipe(["podman"]), baseRecipe([]));
  assert.deepEqual(baseRecipe(["sudo"]), baseRecipe([]), "a package that is there anyway");
});

test("names of packages, and what is none", () => {
  for (const name of ["podman", "g++", "libc6:amd64", "etcd-server=3.4.23-4+b4", "python3.11"])
    assert.equal(isPackageName(name), true, name);
  for (const name of [
    "",
    "a",
    "Podman",
    "-x",
    "--hook",
    "a b",
    "a,b",
    "/etc/passwd",
    "?all",
    "a;b",
  ])
    assert.equal(isPackageName(name), false, name);
});
