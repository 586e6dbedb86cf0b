import { resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import { findAccount, findPasswordHash, hasAccounts, WITHOUT_ACCOUNTS } from "./accounts.ts";
import type { CreateUserAction, SetPasswordAction } from "./core/action.ts";
import type { Outcome } from "./outcome.ts";
import { mustRun } from "./run-program.ts";

/**
 * Makes a user by useradd(8), without a password to log in with.
 * @throws {Fault} MACHINE_REFUSED with what useradd says
 */
export async function applyCreateUser(action: CreateUserAction, root: string): Promise<Outcome> {
  if (!(await hasAccounts(root))) return WITHOUT_ACCOUNTS;
  const { user } = action;
  if ((await findAccount(root, user)) !== undefined) {
    const hasMore = Object.keys(action).length > 2;
    const note = "there already: only its password and keys are looked at";
    return { result: "unchanged", note: hasMore ? note : undefined };
  }
  await mustRun(`create user ${user}`, "useradd", [...rootOption(root), ...userOptions(action)]);
  return { result: "done" };
}

/**
 * @throws {Fault} CLOUD_CONFIG_INVALID for what can not stand in shadow(5); MACHINE_REFUSED with what chpasswd says
 */
export async function applySetPassword(action: SetPasswordAction, root: string): Promise<Outcome> {
  if (!(await hasAccounts(root))) return WITHOUT_ACCOUNTS;
  const { user, hash } = action;
  if (/[:\n\0]/.test(user + hash))
    throw new Fault(
      "CLOUD_CONFIG_INVALID",
      `Cannot set the password of ${JSON.stringify(user)}: name and hash are one line without colons; make a hash with \`mkpasswd\` or \`openssl passwd -6\``,
    );
  const note = /^[$*!_]/.test(hash) ? undefined : "it is no hash as crypt(5) makes them";
  if ((await findPasswordHash(root, user)) === hash) return { result: "unchanged", note };
  const args = [...rootOption(root), "--encrypted"];
  await mustRun(`set the password of ${user}`, "chpasswd", args, `${user}:${hash}\n`);
  return { result: "done", note };
}

function rootOption(root: string): readonly string[] {
  return root === "/" ? [] : ["--root", resolve(root)];
}

function userOptions(user: CreateUserAction): readonly string[] {
  const option = (name: string, value: string | undefined) => (value ? [name, value] : []);
  const flag = (name: string, isSet: true | undefined) => (isSet ? [name] : []);
  const ownGroup = user.primaryGroup === undefined && user.noUserGroup === undefined;
  return [
    "--password",
    "*",
    ...option("--comment", user.gecos),
    ...option("--home-dir", user.homedir),
    user.noCreateHome ? "--no-create-home" : "--create-home",
    ...option("--gid", user.primaryGroup),
    ...option("--groups", user.groups?.join(",")),
    ...(ownGroup ? ["--user-group"] : []), // login.defs(5) may say otherwise, or be missing
    ...flag("--no-user-group", user.noUserGroup),
    ...flag("--system", user.system),
    ...flag("--no-log-init", user.noLogInit),
    ...option("--shell", user.shell),
    "--",
    user.user,
  ];
}
