import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeMetadata } from "./merge-metadata.ts";

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
