import type { Action, AuthorizeKeysAction, CreateUserAction } from "./action.ts";
import type { CloudConfig } from "./schema.ts";

/** The name of the keys that come with the user-data, `--ssh-key-name`. */
export const DEFAULT_SSH_KEY_NAME = "coreos-cloudinit";

/** Who logs in with the keys of `ssh_authorized_keys`. */
const CORE_USER = "core";

const GITHUB = "https://api.github.com";

type ConfigUser = NonNullable<CloudConfig["users"]>[number];

export interface UserOptions {
  readonly sshKeyName?: string | undefined;
  /** Where GitHub's API is. */
  readonly githubUrl?: string | undefined;
}

/** Users in the order listed, each with its password and keys, then the keys of `core`. */
export function planUsers(config: CloudConfig, options: UserOptions = {}): Action[] {
  const { sshKeyName = DEFAULT_SSH_KEY_NAME } = options;
  const named = (config.users ?? []).filter((user) => user.name !== "");
  const actions = named.flatMap((user) => planUser(user, sshKeyName, options.githubUrl ?? GITHUB));
  actions.push(...authorize(CORE_USER, sshKeyName, config.ssh_authorized_keys));
  return actions;
}

function planUser(user: ConfigUser, sshKeyName: string, githubUrl: string): Action[] {
  const actions: Action[] = [createUser(user)];
  if (user.passwd) actions.push({ kind: "set-password", user: user.name, hash: user.passwd });
  actions.push(...authorize(user.name, sshKeyName, user.ssh_authorized_keys));
  const github = [
    ...(user.coreos_ssh_import_github ? [user.coreos_ssh_import_github] : []),
    ...(user.coreos_ssh_import_github_users ?? []),
  ];
  for (const name of new Set(github))
    actions.push({
      kind: "import-keys",
      user: user.name,
      name: `github-${name}`,
      url: `${githubUrl.replace(/\/$/, "")}/users/${encodeURIComponent(name)}/keys`,
    });
  if (user.coreos_ssh_import_url)
    actions.push({
      kind: "import-keys",
      user: user.name,
      name: `coreos-cloudinit-${user.name}`,
      url: user.coreos_ssh_import_url,
    });
  return actions;
}

function createUser(user: ConfigUser): CreateUserAction {
  return {
    kind: "create-user",
    user: user.name,
    ...(user.gecos ? { gecos: user.gecos } : {}),
    ...(user.homedir ? { homedir: user.homedir } : {}),
    ...(user.shell ? { shell: user.shell } : {}),
    ...(user.primary_group ? { primaryGroup: user.primary_group } : {}),
    ...(user.groups?.length ? { groups: user.groups } : {}),
    ...(user.no_create_home ? { noCreateHome: true } : {}),
    ...(user.no_user_group ? { noUserGroup: true } : {}),
    ...(user.no_log_init ? { noLogInit: true } : {}),
    ...(user.system ? { system: true } : {}),
  };
}

/** No keys at all leave the part that was there alone, as in the original. */
function authorize(
  user: string,
  name: string,
  keys: readonly string[] | undefined,
): readonly AuthorizeKeysAction[] {
  const lines = [...new Set((keys ?? []).map((key) => key.trim()))].filter(Boolean);
  return lines.length === 0 ? [] : [{ kind: "authorize-keys", user, name, keys: lines }];
}
