import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { describeProblem } from "#cloudconfig/core/problem.ts";
import { exampleFacts, loadCloudConfig } from "#cloudconfig/load-cloud-config.ts";
import { parseProject } from "#machines/core/project-file.ts";

const EXAMPLES = join(import.meta.dirname, "../examples");

for (const file of globSync("**/keelson.yaml", { cwd: EXAMPLES }))
  test(`the machines of examples/${file} have user-data without a mistake`, async () => {
    const directory = join(EXAMPLES, dirname(file));
    const { project, problems } = parseProject(await readFile(join(EXAMPLES, file), "utf8"), {
      directory,
      home: "/home/person",
    });
    assert.deepEqual(problems, []);
    assert.ok(project);
    for (const { userData } of project.groups) {
      assert.ok(userData?.kind === "file");
      const text = await readFile(userData.path, "utf8");
      const { warnings } = loadCloudConfig(text, userData.path, exampleFacts({ metadata: {} }));
      assert.deepEqual(warnings.map(describeProblem), []);
    }
  });
