import type { Problem } from "./problem.ts";
import type { Tree } from "./tree.ts";

export function checkSense(_tree: Tree): readonly Problem[] {
  return [];
}
