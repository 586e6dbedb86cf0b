import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { describeAction } from "./core/action.ts";
import { planCloudConfig } from "./core/plan.ts";
import { exampleFacts, loadCloudConfig } from "./load-cloud-config.ts";

const USER_DATA = new URL("../../examples/quickstart/user-data", import.meta.url);

test("the quickstart's user-data configures the store and fleet, then starts them", async () => {
  const facts = exampleFacts({ metadata: { role: "worker" } });
  const { config, warnings } = loadCloudConfig(await readFile(USER_DATA, "utf8"), "it", facts);
  assert.deepEqual(warnings, []);
  const { actions } = planCloudConfig(config, facts);
  assert.deepEqual(actions.slice(-3).map(describeAction), [
    "reload systemd's unit files",
    "start etcd2.service",
    "start fleet.service",
  ]);
  const written = actions.map((a) => (a.kind === "write" ? a.content : "")).join("");
  assert.match(written, /"ETCD_NAME=example"/);
  assert.match(written, /"FLEET_METADATA=region=local,role=worker"/);
});
