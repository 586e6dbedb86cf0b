import { systemClock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Systemd } from "#systemd/systemd.ts";
import { applyAuthorizeKeys } from "./authorize-keys.ts";
import { type Action, describeAction } from "./core/action.ts";
import { enableUnit } from "./enable-unit.ts";
import { applyHostname } from "./hostname.ts";
import { applyImportKeys, type KeyServers } from "./import-keys.ts";
import { applyLoadModule, applyTakeDown } from "./network-switch.ts";
import type { Outcome, Step } from "./outcome.ts";
import { runScript } from "./run-script.ts";
import { HttpGetter } from "./sources/http-getter.ts";
import { runUnitCommand } from "./unit-command.ts";
import { applyCreateUser, applySetPassword } from "./users.ts";
import { applyMask, applyUnmask, applyWrite } from "./write-action.ts";

export interface ApplyOptions {
  /** The machine's root directory, `/` for this computer. */
  readonly root: string;
  /** Without it the steps that are systemd's are skipped, each saying so. */
  readonly systemd?: Systemd | undefined;
  /** Where keys are imported from; default: the network, without a proxy. */
  readonly servers?: KeyServers | undefined;
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
  const { root, signal } = options;
  switch (action.kind) {
    case "set-hostname":
      return applyHostname(action.hostname, root);
    case "create-user":
      return applyCreateUser(action, root);
    case "set-password":
      return applySetPassword(action, root);
    case "authorize-keys":
      return applyAuthorizeKeys(action, root);
    case "import-keys":
      return applyImportKeys(action, root, options.servers ?? patientServers(), signal);
    case "write":
      return applyWrite(action, root);
    case "mask":
      return applyMask(action.path, root);
    case "unmask":
      return applyUnmask(action.path, root);
    case "take-down":
      return applyTakeDown(action.interface, root);
    case "load-module":
      return applyLoadModule(action, root);
    case "enable":
      if (options.systemd === undefined && root === "/") return WITHOUT_SYSTEMD;
      return enableUnit(action, root, options.systemd, signal);
    case "reload-units":
    case "command":
    case "run-script":
      if (options.systemd === undefined) return WITHOUT_SYSTEMD;
      return askSystemd(action, root, options.systemd, signal);
    default:
      return action satisfies never;
  }
}

async function askSystemd(
  action: Extract<Action, { readonly kind: "reload-units" | "command" | "run-script" }>,
  root: string,
  systemd: Systemd,
  signal: AbortSignal,
): Promise<Outcome> {
  switch (action.kind) {
    case "reload-units":
      await systemd.reload(signal);
      return { result: "done" };
    case "command":
      return runUnitCommand(systemd, action, root, signal);
    case "run-script":
      return runScript(action, root, systemd, signal);
    default:
      return action satisfies never;
  }
}

function patientServers(): KeyServers {
  return new HttpGetter({ clock: systemClock, env: {}, report: () => {} });
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
