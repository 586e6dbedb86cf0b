import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import { type Action, describeAction } from "./action.ts";
import { planCloudConfig } from "./plan.ts";
import { readCloudConfig } from "./read-cloud-config.ts";

/** What the original does for a cloud-config of ours: asked of its own packages, with a recorder in systemd's place. */
interface Recorded {
  readonly cloudConfig: string;
  readonly updateConf: string;
  readonly steps: readonly string[];
  readonly files: Readonly<Record<string, string>>;
}

const MASK = "->/dev/null";
const RECORDED = JSON.parse(
  await readFile(new URL("plan.recorded.json", import.meta.url), "utf8"),
) as readonly Recorded[];

/** What is there once the steps were done on an empty machine; of files without their last newline. */
function resultOf(actions: readonly Action[]) {
  const files = new Map<string, string>();
  const steps: string[] = [];
  for (const action of actions)
    if (action.kind === "write") files.set(action.path, action.content);
    else if (action.kind === "mask") files.set(action.path, MASK);
    else if (action.kind === "unmask") {
      if (files.get(action.path) === MASK) files.delete(action.path);
    } else steps.push(describeAction(action));
  return { files: trimmed(Object.fromEntries(files)), steps };
}

function trimmed(files: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files).map(([path, content]) => [path, content.replace(/\n$/, "")]),
  );
}

/** Ours has systemd read its files again also after masks and enabling, which changes nothing more. */
function withoutReload(steps: readonly string[]): readonly string[] {
  return steps.filter((step) => step !== "reload systemd's unit files");
}

for (const { cloudConfig, updateConf, steps, files } of RECORDED)
  test(`planCloudConfig() does what the original does: ${cloudConfig.slice(14, 80).replaceAll(/\s+/g, " ")}`, () => {
    const facts = { metadata: {}, updateConf };
    const { config } = readCloudConfig(cloudConfig, facts, gunzipSync);
    assert.ok(config);
    const ours = resultOf(planCloudConfig(config, facts).actions);
    assert.deepEqual(ours.files, trimmed(files));
    assert.deepEqual(withoutReload(ours.steps), withoutReload(steps));
    if (steps.length > withoutReload(steps).length)
      assert.ok(ours.steps.length > withoutReload(ours.steps).length);
  });
