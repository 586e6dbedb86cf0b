import { checkEtcd } from "./check-etcd.ts";
import { checkFiles } from "./check-files.ts";
import { checkTexts } from "./check-texts.ts";
import { checkUnits } from "./check-units.ts";
import { checkUsers } from "./check-users.ts";
import type { MachineFacts } from "./machine-facts.ts";
import type { Problem } from "./problem.ts";
import type { Tree } from "./tree.ts";

/**
 * What is well-formed and yet probably not what its writer meant. All are warnings, except what can never be applied;
 * the original's validator is silent about them.
 */
export function checkSense(tree: Tree, facts: MachineFacts): readonly Problem[] {
  return [
    ...checkTexts(tree),
    ...checkFiles(tree),
    ...checkUsers(tree),
    ...checkEtcd(tree, facts),
    ...checkUnits(tree),
  ];
}
