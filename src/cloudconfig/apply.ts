import { Fault, reasonOf } from "#base/fault.ts";
import type { Systemd } from "#systemd/systemd.ts";
import { type Action, describeAction } from "./core/action.ts";
import { applyHostname } from "./hostname.ts";
import type { Outcome, Step } from "./outcome.ts";
import { runUnitCommand } from "./unit-command.ts";
import { applyMask, applyUnmask, applyWrite } from "./write-action.ts";

export interface ApplyOptions {
  /** The machine's root directory, `/` for this computer. */
  readonly root: string;
  /** Without it the steps that are systemd's are skipped, each saying so. */
  readonly systemd?: Systemd | undefined;
  /** Called after each step. */
  readonly onStep?: (step: Step) => void;
  readonly signal: AbortSignal;
}

/**
 * Carries a plan out, in its order; what is so already is left alone, so it may be repeated. A step that fails ends it,
 * except commands on units: the next ones are still run, as in the original, and the failures told at the end.
 * @throws {Fault} of the failed step's code, saying what was done before it
 */
export async function applyPlan(
  actions: readonly Action[],
  options: ApplyOptions,
): Promise<readonly Step[]> {
  const steps: Step[] = [];
  const record = (step: Step) => {
    steps.push(step);
    options.onStep?.(step);
  };
  for (const action of actions) {
    options.signal.throwIfAborted();
    try {
      record({ action, ...(await applyAction(action, options)) });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      record({ action, result: "failed", note: reasonOf(error) });
      if (action.kind !== "command" || error.code === "SYSTEMD_GONE")
        throw stopped(error, steps, actions.length);
    }
  }
  const failed = steps.filter((step) => step.result === "failed");
  if (failed.length > 0)
    throw new Fault(
      "SYSTEMD_FAILED",
      `Cannot apply the whole cloud-config: ${failed.map(tell).join("; ")}. Everything else is done; mend the cause and apply it again`,
    );
  return steps;
}

async function applyAction(action: Action, options: ApplyOptions): Promise<Outcome> {
  const { root, systemd, signal } = options;
  switch (action.kind) {
    case "set-hostname":
      return applyHostname(action.hostname, root, signal);
    case "write":
      return applyWrite(action, root);
    case "mask":
      return applyMask(action.path, root);
    case "unmask":
      return applyUnmask(action.path, root);
    case "enable":
      if (systemd === undefined) return WITHOUT_SYSTEMD;
      await systemd.enableUnitFiles([action.unit], { runtime: action.runtime }, signal);
      return { result: "done" };
    case "reload-units":
      if (systemd === undefined) return WITHOUT_SYSTEMD;
      await systemd.reload(signal);
      return { result: "done" };
    case "command":
      if (systemd === undefined) return WITHOUT_SYSTEMD;
      return runUnitCommand(systemd, action, root, signal);
    case "create-user":
    case "set-password":
    case "authorize-keys":
    case "import-keys":
    case "take-down":
    case "load-module":
    case "run-script":
      return { result: "skipped", note: "this version does not act on it yet" };
    default:
      return action satisfies never;
  }
}

const WITHOUT_SYSTEMD: Outcome = { result: "skipped", note: "no systemd runs in this root" };

function stopped(error: Fault, steps: readonly Step[], total: number): Fault {
  const done = steps.length - 1;
  return new Fault(
    error.code,
    `Cannot apply the whole cloud-config: ${tell(steps[done]!)}. ${done} of ${total} steps were done before it; mend the cause and apply it again, what is done stays`,
    { cause: error },
  );
}

function tell(step: Step): string {
  return `could not ${describeAction(step.action)}: ${step.note ?? "failed"}`;
}
