export const UNIT_COMMANDS = [
  "start",
  "stop",
  "restart",
  "reload",
  "try-restart",
  "reload-or-restart",
  "reload-or-try-restart",
] as const;
export type UnitCommand = (typeof UNIT_COMMANDS)[number];

/** One step of applying a cloud-config. Paths are the machine's own and absolute; all of it is plain JSON. */
export type Action =
  | { readonly kind: "set-hostname"; readonly hostname: string }
  | WriteAction
  /** The unit can not be started: its file becomes a link to /dev/null. */
  | { readonly kind: "mask"; readonly path: string }
  /** Undoes that; a file with content stays. */
  | { readonly kind: "unmask"; readonly path: string }
  | { readonly kind: "enable"; readonly unit: string; readonly runtime: boolean }
  /** systemd reads its unit files again. */
  | { readonly kind: "reload-units" }
  | {
      readonly kind: "command";
      readonly unit: string;
      readonly command: UnitCommand;
      /** Follows from another key: a machine that does not have the unit is no failure. */
      readonly ifPresent?: true;
    };

export interface WriteAction {
  readonly kind: "write";
  readonly path: string;
  /** Text, or base64 when `encoding` says so. */
  readonly content: string;
  readonly encoding?: "base64";
  /** Permission bits in octal, such as `0644`. */
  readonly permissions: string;
  /** As chown(1) takes it. */
  readonly owner?: string;
}

export function describeAction(action: Action): string {
  switch (action.kind) {
    case "set-hostname":
      return `set hostname ${action.hostname}`;
    case "write": {
      const owner = action.owner === undefined ? "" : `, owner ${action.owner}`;
      return `write ${action.path} (${action.permissions}${owner})`;
    }
    case "mask":
      return `mask ${action.path}`;
    case "unmask":
      return `unmask ${action.path}`;
    case "enable":
      return `enable ${action.unit}${action.runtime ? " until reboot" : ""}`;
    case "reload-units":
      return "reload systemd's unit files";
    case "command":
      return `${action.command} ${action.unit}`;
    default:
      return action satisfies never;
  }
}

/** Whether the step is systemd's to do. */
export function needsSystemd(action: Action): boolean {
  return action.kind === "enable" || action.kind === "reload-units" || action.kind === "command";
}
