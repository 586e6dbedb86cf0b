import { after, before, test } from "node:test";
import { Oracle } from "#keys/oracle.ts";
import { ACCESS_SCENARIO, AUTH_SCENARIO } from "#keys/oracle-auth-scenarios.ts";

let oracle: Oracle;

before(async () => {
  oracle = await Oracle.open();
});
after(async () => {
  await oracle?.[Symbol.asyncDispose]();
});

test("users, roles and switching authentication on and off are etcd's", async () => {
  for (const ask of AUTH_SCENARIO) await oracle.compare(ask);
});

test("whom etcd lets in and keeps out", async () => {
  for (const ask of ACCESS_SCENARIO) await oracle.compare(ask);
});
