import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeConfigs, mergeMetadata } from "./merge-configs.ts";

for (const { name, config, metadata, is } of [
  { name: "nothing to nothing", config: {}, metadata: { sshPublicKeys: {} }, is: {} },
  {
    name: "its hostname where the cloud-config has none",
    config: {},
    metadata: { hostname: "given", sshPublicKeys: {} },
    is: { hostname: "given" },
  },
  {
    name: "no hostname where it has one",
    config: { hostname: "own" },
    metadata: { hostname: "given", sshPublicKeys: {} },
    is: { hostname: "own" },
  },
  {
    name: "keys behind its own, by their names and none twice",
    config: { ssh_authorized_keys: ["own", "k1"], manage_etc_hosts: "localhost" as const },
    metadata: { sshPublicKeys: { b: "k2", a: "k1", c: "k3" } },
    is: { ssh_authorized_keys: ["own", "k1", "k2", "k3"], manage_etc_hosts: "localhost" as const },
  },
])
  test(`mergeMetadata() adds ${name}`, () => {
    assert.deepEqual(mergeMetadata(config, metadata), is);
  });

test("mergeConfigs() takes the user's values, and the vendor's items before the user's", () => {
  const octets = new Uint8Array([1]);
  const vendor = {
    hostname: "oem",
    ssh_authorized_keys: ["v"],
    write_files: [{ path: "/a", content: octets }],
    coreos: {
      oem: { id: "x" },
      update: { group: "stable", server: "https://u" },
      etcd2: { debug: true, name: "v" },
      units: [{ name: "agent.service", command: "start" }],
    },
  } as const;
  const user = {
    hostname: "mine",
    write_files: [{ path: "/b" }],
    coreos: {
      update: { group: "beta" },
      etcd2: { debug: false },
      units: [{ name: "agent.service", mask: true }],
    },
  } as const;
  assert.deepEqual(mergeConfigs(vendor, user), {
    hostname: "mine",
    ssh_authorized_keys: ["v"],
    write_files: [{ path: "/a", content: octets }, { path: "/b" }],
    coreos: {
      oem: { id: "x" },
      update: { group: "beta", server: "https://u" },
      etcd2: { debug: false, name: "v" },
      units: [
        { name: "agent.service", command: "start" },
        { name: "agent.service", mask: true },
      ],
    },
  });
  assert.deepEqual(mergeConfigs(vendor, {}), vendor);
  assert.deepEqual(mergeConfigs({}, user), user);
});
