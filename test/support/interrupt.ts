import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { PROGRAM } from "./keelson.ts";
import type { ProjectDirectory } from "./project.ts";

/** `keelson ARGS` in the project's directory, to be interrupted; detached: in a process group of its own. */
export function startKeelson(
  project: ProjectDirectory,
  args: readonly string[],
  options: { readonly detached?: boolean } = {},
): ChildProcess {
  return spawn(PROGRAM, args, {
    ...options,
    cwd: project.directory,
    env: { ...process.env, KEELSON_STATE: project.state.path, KEELSON_SOURCE: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Waits until the program's messages hold `words`. */
export async function untilSaid(child: ChildProcess, words: string): Promise<void> {
  let said = "";
  assert.ok(child.stderr);
  for await (const chunk of child.stderr.iterator({ destroyOnReturn: false })) {
    said += String(chunk);
    if (said.includes(words)) return;
  }
  assert.fail(`ended without saying "${words}": ${said}`);
}
