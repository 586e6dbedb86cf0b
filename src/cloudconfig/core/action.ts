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
  | CreateUserAction
  | SetPasswordAction
  | AuthorizeKeysAction
  | ImportKeysAction
  | WriteAction
  /** The unit can not be started: its file becomes a link to /dev/null. */
  | { readonly kind: "mask"; readonly path: string }
  /** Undoes that; a file with content stays. */
  | { readonly kind: "unmask"; readonly path: string }
  /** The network interface goes down, if there is one of that name, so that networkd sets it up anew. */
  | { readonly kind: "take-down"; readonly interface: string }
  | LoadModuleAction
  | { readonly kind: "enable"; readonly unit: string; readonly runtime: boolean }
  /** systemd reads its unit files again. */
  | { readonly kind: "reload-units" }
  | CommandAction
  | RunScriptAction;

/** A user that is there already stays as it is, whatever the fields say. */
export interface CreateUserAction {
  readonly kind: "create-user";
  readonly user: string;
  readonly gecos?: string;
  readonly homedir?: string;
  readonly shell?: string;
  /** Name or number of a group that is there; without it the user gets one of its own name. */
  readonly primaryGroup?: string;
  /** Of groups that are there. */
  readonly groups?: readonly string[];
  readonly noCreateHome?: true;
  readonly noUserGroup?: true;
  readonly noLogInit?: true;
  /** Numbers of the system's range, and no ageing; useradd(8). */
  readonly system?: true;
}

export interface SetPasswordAction {
  readonly kind: "set-password";
  readonly user: string;
  /** As shadow(5) keeps it. A secret. */
  readonly hash: string;
}

/** Keys may log in as the user: they become the part `name` of its authorized keys, in place of what that part had. */
export interface AuthorizeKeysAction {
  readonly kind: "authorize-keys";
  readonly user: string;
  readonly name: string;
  /** Lines of an authorized_keys file, sshd(8). */
  readonly keys: readonly string[];
}

/** The same with the keys that a server has: a JSON list of `{"key": LINE}`, as GitHub's API answers. */
export interface ImportKeysAction {
  readonly kind: "import-keys";
  readonly user: string;
  readonly name: string;
  readonly url: string;
}

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

/** The kernel gets the module, modprobe(8). */
export interface LoadModuleAction {
  readonly kind: "load-module";
  readonly module: string;
  /** `NAME=VALUE` each. */
  readonly options: readonly string[];
}

export interface CommandAction {
  readonly kind: "command";
  readonly unit: string;
  readonly command: UnitCommand;
  /** Follows from another key: a machine that does not have the unit is no failure. */
  readonly ifPresent?: true;
}

/** The script is kept below `workspace` and started as a unit of its own; its end is not waited for. */
export interface RunScriptAction {
  readonly kind: "run-script";
  readonly workspace: string;
  readonly content: string;
  /** What runs it, the script's path following: empty where the kernel is to read its first line. */
  readonly interpreter: readonly string[];
}

/** One line that says what the step does; it has no secrets. */
export function describeAction(action: Action): string {
  switch (action.kind) {
    case "set-hostname":
      return `set hostname ${action.hostname}`;
    case "create-user":
      return `create user ${action.user}${inParentheses(describeUser(action))}`;
    case "set-password":
      return `set the password of ${action.user}`;
    case "authorize-keys":
      return `authorize ${countOf(action.keys)} for ${action.user} (${action.name})`;
    case "import-keys":
      return `authorize the ssh keys at ${action.url} for ${action.user} (${action.name})`;
    case "write": {
      const owner = action.owner === undefined ? "" : `, owner ${action.owner}`;
      return `write ${action.path} (${action.permissions}${owner})`;
    }
    case "mask":
      return `mask ${action.path}`;
    case "unmask":
      return `unmask ${action.path}`;
    case "take-down":
      return `take interface ${action.interface} down`;
    case "load-module":
      return `load kernel module ${[action.module, ...action.options].join(" ")}`;
    case "enable":
      return `enable ${action.unit}${action.runtime ? " until reboot" : ""}`;
    case "reload-units":
      return "reload systemd's unit files";
    case "command":
      return `${action.command} ${action.unit}`;
    case "run-script":
      return `run the script, kept in ${action.workspace}/scripts`;
    default:
      return action satisfies never;
  }
}

/** What a step writes or runs, to be shown below its description; passwords are masked. */
export function contentOf(action: Action): string {
  if (action.kind === "write") return withoutPasswords(action.content);
  if (action.kind === "authorize-keys") return action.keys.join("\n");
  return action.kind === "run-script" ? action.content : "";
}

const SYSTEMDS: ReadonlySet<string> = new Set<Action["kind"]>([
  "enable",
  "reload-units",
  "command",
  "run-script",
]);

/** Whether the step is systemd's to do. */
export function needsSystemd(action: Action): boolean {
  return SYSTEMDS.has(action.kind);
}

function describeUser(user: CreateUserAction): string {
  const flags = [
    user.gecos,
    user.homedir && `home ${user.homedir}`,
    user.shell && `shell ${user.shell}`,
    user.primaryGroup && `primary group ${user.primaryGroup}`,
    user.groups && `groups ${user.groups.join(" ")}`,
    user.noCreateHome && "no home made",
    user.noUserGroup && "no group of its own",
    user.noLogInit && "no login records",
    user.system && "system user",
  ];
  return flags.filter(Boolean).join(", ");
}

function inParentheses(text: string): string {
  return text === "" ? "" : ` (${text})`;
}

function countOf(keys: readonly string[]): string {
  return keys.length === 1 ? "1 ssh key" : `${keys.length} ssh keys`;
}

/** Variables of daemons whose names end in PASSWORD, quoted as in a unit file or not. */
function withoutPasswords(text: string): string {
  return text.replace(/^((?:Environment=")?\w*PASSWORD=)(?:[^"\\\n]|\\.)+/gm, "$1********");
}
