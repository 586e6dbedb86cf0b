import type { Action } from "./action.ts";
import type { MachineFacts } from "./machine-facts.ts";
import { planFiles } from "./plan-files.ts";
import {
  type NetworkSettings,
  planNetworkFiles,
  planNetworkSwitch,
  RESTART_NETWORKD,
} from "./plan-network.ts";
import { planUnits } from "./plan-units.ts";
import { planUsers, type UserOptions } from "./plan-users.ts";
import type { CloudConfig } from "./schema.ts";

export interface Plan {
  /** In this order. */
  readonly actions: readonly Action[];
}

export interface PlanOptions extends UserOptions {
  /** What the source's description of the network was converted to. */
  readonly network?: NetworkSettings | undefined;
}

/**
 * What applying the cloud-config to this machine means. The same input gives the same plan. The order is the
 * original's: hostname, users and their keys, files, the network, unit files, systemd's reload, then the units'
 * commands as listed.
 */
export function planCloudConfig(
  config: CloudConfig,
  facts: MachineFacts,
  options: PlanOptions = {},
): Plan {
  const hostname = config.hostname ?? facts.hostname;
  const network = options.network ?? { files: [], modules: [], interfaces: [] };
  const units = planUnits(config, facts);
  const files = settle([...planFiles(config, facts), ...planNetworkFiles(network), ...units.files]);
  const isForSystemd = ({ path }: FileAction) => /^\/(etc|run)\/systemd\//.test(path);
  const reloads = files.some(isForSystemd) || units.enables.length > 0;
  const restartsNetwork =
    units.hasNetworkFiles || network.files.length + network.interfaces.length > 0;
  const actions: Action[] = [
    ...(hostname === undefined ? [] : [{ kind: "set-hostname", hostname } as const]),
    ...planUsers(config, options),
    ...files,
    ...units.enables,
    ...(reloads ? [{ kind: "reload-units" } as const] : []),
    ...planNetworkSwitch(network),
    ...(restartsNetwork ? [RESTART_NETWORKD] : []),
    ...units.commands,
  ];
  return { actions };
}

type FileAction = Extract<Action, { readonly path: string }>;

/**
 * Of several steps for one path only the last one counts, as it would if all were done: applying twice must find
 * nothing to do. Unmasking leaves a file with content as it is.
 */
function settle(steps: readonly FileAction[]): readonly FileAction[] {
  const last = new Map<string, FileAction>();
  for (const step of steps) {
    const before = last.get(step.path);
    const keepsBefore = step.kind === "unmask" && before?.kind === "write" && before.content !== "";
    if (!keepsBefore) last.set(step.path, step);
  }
  return steps.filter((step) => last.get(step.path) === step);
}
