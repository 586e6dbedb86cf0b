import { systemClock } from "#base/clock.ts";
import type { Io } from "#cli/program.ts";
import { applyPlan } from "#cloudconfig/apply.ts";
import { contentOf, describeAction, needsSystemd } from "#cloudconfig/core/action.ts";
import type { Plan } from "#cloudconfig/core/plan.ts";
import type { Step } from "#cloudconfig/outcome.ts";
import { openSystemdOf } from "#cloudconfig/root-systemd.ts";
import { HttpGetter } from "#cloudconfig/sources/http-getter.ts";

/** Prints what would be done, in order, with the content of files. */
export function showPlan(plan: Plan, json: boolean, io: Io): void {
  if (json) return void io.stdout.write(`${JSON.stringify(plan, undefined, 2)}\n`);
  for (const action of plan.actions) {
    io.stdout.write(`${describeAction(action)}\n`);
    io.stdout.write(indented(contentOf(action)));
  }
}

function indented(text: string): string {
  return text === "" ? "" : `${text.replace(/\n$/, "").replaceAll(/^/gm, "    ")}\n`;
}

/**
 * Applies the plan to the machine below `root`, printing a line for each step.
 * @throws {Fault} of the step that failed, SYSTEMD_MISSING before the first
 */
export async function applyHere(plan: Plan, root: string, io: Io): Promise<void> {
  const onStep = ({ action, result, note }: Step) =>
    void io.stdout.write(`${describeAction(action)}: ${result}${note ? ` (${note})` : ""}\n`);
  // Before anything is written: without a systemd to start the units, nothing is half done.
  const needed = plan.actions.some(needsSystemd);
  await using systemd = needed ? await openSystemdOf(root, io.env, io.signal) : undefined;
  const servers = new HttpGetter({ clock: systemClock, env: io.env, report: () => {} });
  await applyPlan(plan.actions, { root, systemd, servers, onStep, signal: io.signal });
}
