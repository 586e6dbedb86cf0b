// The project files that documents and examples show are such as `keelson up` takes.
import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { parseProject } from "#machines/core/project-file.ts";
import { readProject, soundProject, wishOfProject } from "#machines/project-wish.ts";

const HOME = join(import.meta.dirname, "..");

for (const page of ["README.md", "docs/guide-machines.md"])
  test(`the project files in ${page} are sound`, async () => {
    const text = await readFile(join(HOME, page), "utf8");
    const blocks = [
      ...text.matchAll(/```yaml\n([^]*?)```/g),
      ...text.matchAll(/<<'END'\n([^]*?\n)END\n/g),
    ].map(([, block]) => block ?? "");
    assert.ok(blocks.some((block) => block.includes("groups:")));
    for (const block of blocks) {
      const groups = block.includes("groups:") ? "" : "groups: {any: {user-data: file}}\n";
      const { problems } = parseProject(block + groups, { directory: HOME, home: "/home/me" });
      assert.deepEqual(problems, [], block);
    }
  });

test("the examples' projects are sound, and so is the user-data they name", async () => {
  const files: string[] = [];
  for await (const file of glob("examples/**/keelson.yaml", { cwd: HOME })) files.push(file);
  assert.ok(files.length > 3);
  for (const file of files.toSorted()) {
    const path = join(HOME, file);
    const project = soundProject(await readProject(path, "/home/me"));
    const wish = await wishOfProject(path, project, () => "#cloud-config\n");
    assert.deepEqual(wish.warnings, []);
    assert.ok(wish.machines(undefined).length > 0);
  }
});
