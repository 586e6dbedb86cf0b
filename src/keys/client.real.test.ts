import { after, before } from "node:test";
import { openKeysClient } from "./client.ts";
import { testKeysConformance } from "./keys-conformance.ts";
import { startMember, type TestMember } from "./member-for-tests.ts";
import { type RealEtcd, startRealEtcd } from "./real-etcd.ts";

let etcd: RealEtcd;
let member: TestMember;
before(async () => {
  [etcd, member] = await Promise.all([startRealEtcd(), startMember()]);
});
after(async () => {
  await etcd[Symbol.asyncDispose]();
  await member[Symbol.asyncDispose]();
});

testKeysConformance("client on a real etcd", async () =>
  openKeysClient({ endpoints: [etcd.clientUrl] }),
);
testKeysConformance("client on Keelson's store", async () =>
  openKeysClient({ endpoints: [member.clientUrl] }),
);
