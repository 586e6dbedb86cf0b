import { Fault } from "#base/fault.ts";
import { hashPassword } from "#keys/auth-passwords.ts";
import {
  type AuthRefusal,
  GUEST,
  GUEST_ROLE,
  isRefusal,
  mergeRole,
  mergeUser,
  ROOT,
  type Role,
  refuse,
  type User,
  type UserChange,
  withRootRole,
} from "#keys/core/auth.ts";
import { AUTH_DIRECTORIES, ENABLED, roleKey, userKey } from "#keys/core/auth-records.ts";
import { decodeRole, decodeUser, encodeRole, encodeUser } from "#keys/core/auth-wire.ts";
import type { Command } from "#keys/core/command.ts";
import { isDone, type Outcome } from "#keys/core/outcome.ts";
import type { KeysServer } from "#keys/keys-server.ts";

type Act =
  Extract<Command, { readonly op: "auth" }> extends infer C
    ? C extends unknown
      ? Omit<C, "op" | "timeMs">
      : never
    : never;

/** A change that others' changes overtake this often gives up. */
const TRIES_MAX = 10;

interface Found<T> {
  readonly value: T;
  readonly index: number;
}

/**
 * Changes of users, roles and whether authentication is on: the same entries of the log in the same order as etcd's,
 * so that its indices and counts come out the same.
 */
export class AuthChanges {
  readonly #server: KeysServer;
  /** etcd makes sure of its directories once in each process, before its first change. */
  #isEnsured = false;

  constructor(server: KeysServer) {
    this.#server = server;
  }

  /** Creates the user, or changes it when it is there and the request names no roles. */
  async putUser(
    change: UserChange,
  ): Promise<AuthRefusal | { readonly user: User; readonly isCreated: boolean }> {
    if (change.grant?.length || change.revoke?.length)
      return notCreated(
        change.roles?.length
          ? { status: 400, message: "User JSON contains both roles and grant/revoke" }
          : await this.#updateUser(change),
      );
    if (change.roles?.length) return notCreated(await this.#createUser(change));
    if (await this.#findUser(change.user)) return notCreated(await this.#updateUser(change));
    const user = await this.#createUser(change);
    return isRefusal(user) ? user : { user, isCreated: true };
  }

  async #createUser(change: UserChange): Promise<User | AuthRefusal> {
    const { user: name, password, roles } = withRootRole(change);
    if (password === "") return refuse(400, `Cannot create user ${name} with an empty password`);
    const user = { user: name, password: await hashPassword(password), roles };
    const made = await this.#create(userKey(name), encodeUser(user));
    return made ? user : refuse(409, `User ${name} already exists.`);
  }

  async #updateUser(change: UserChange): Promise<User | AuthRefusal> {
    const { user: name, password } = change;
    const stored = password === "" ? undefined : await hashPassword(password);
    return await this.#update(userKey(name), encodeUser, async () => {
      const old = await this.#findUser(name);
      if (old === undefined) return refuse(404, `User ${name} does not exist.`);
      const value = mergeUser(old.value, change, stored);
      return isRefusal(value) ? value : { value, index: old.index };
    });
  }

  async deleteUser(name: string): Promise<AuthRefusal | undefined> {
    if (this.#server.auth.isEnabled && name === ROOT)
      return refuse(403, "Cannot delete root user while auth is enabled.");
    const isGone = await this.#delete(userKey(name));
    return isGone ? undefined : refuse(404, `User ${name} does not exist`);
  }

  async createRole(role: Role): Promise<AuthRefusal | undefined> {
    if (role.role === ROOT) return rootIsFixed();
    const made = await this.#create(roleKey(role.role), encodeRole(role));
    return made ? undefined : refuse(409, `Role ${role.role} already exists.`);
  }

  async updateRole(change: Role): Promise<Role | AuthRefusal> {
    const { role: name } = change;
    if (name === ROOT) return rootIsFixed();
    return await this.#update(roleKey(name), encodeRole, async () => {
      const old = await this.#find(roleKey(name), decodeRole);
      if (old === undefined) return refuse(404, `Role ${name} does not exist.`);
      const value = mergeRole(old.value, change);
      return isRefusal(value) ? value : { value, index: old.index };
    });
  }

  async deleteRole(name: string): Promise<AuthRefusal | undefined> {
    if (name === ROOT) return rootIsFixed();
    const isGone = await this.#delete(roleKey(name));
    return isGone ? undefined : refuse(404, `Role ${name} doesn't exist.`);
  }

  async enable(): Promise<AuthRefusal | undefined> {
    if (this.#server.auth.isEnabled) return refuse(409, "already enabled");
    if (!(await this.#findUser(ROOT)))
      return refuse(409, "No root user available, please create one");
    if (!(await this.#find(roleKey(GUEST), decodeRole))) {
      const refusal = await this.createRole(GUEST_ROLE);
      if (refusal) return refusal;
    }
    await this.#setEnabled(true);
    return undefined;
  }

  async disable(): Promise<AuthRefusal | undefined> {
    if (!this.#server.auth.isEnabled) return refuse(409, "already disabled");
    await this.#setEnabled(false);
    return undefined;
  }

  async #setEnabled(isEnabled: boolean): Promise<void> {
    await this.#ensure();
    await this.#propose({ key: ENABLED, act: "update", value: String(isEnabled) });
  }

  async #findUser(name: string): Promise<Found<User> | undefined> {
    const found = await this.#find(userKey(name), decodeUser);
    return found && { value: withRootRole(found.value), index: found.index };
  }

  /** Reads what all servers agree on, as of now. */
  async #find<T>(
    key: string,
    decode: (text: string) => T | undefined,
  ): Promise<Found<T> | undefined> {
    const outcome = await this.#propose({ key, act: "get" });
    if (!isDone(outcome)) return undefined;
    const value = decode(outcome.event.node.value ?? "");
    return value === undefined ? undefined : { value, index: outcome.event.node.modifiedIndex };
  }

  async #create(key: string, value: string): Promise<boolean> {
    await this.#ensure();
    return isDone(await this.#propose({ key, act: "create", value }));
  }

  async #delete(key: string): Promise<boolean> {
    await this.#ensure();
    return isDone(await this.#propose({ key, act: "delete" }));
  }

  /** Reads, changes and writes; again when another change came between. */
  async #update<T extends object>(
    key: string,
    encode: (value: T) => string,
    change: () => Promise<Found<T> | AuthRefusal>,
  ): Promise<T | AuthRefusal> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const next = await change();
      if (isRefusal(next)) return next;
      await this.#ensure();
      const value = encode(next.value);
      if (isDone(await this.#propose({ key, act: "update", value, ifIndex: next.index })))
        return next.value;
    }
    throw new Fault(
      "STORE_UNAVAILABLE",
      `Cannot change ${key}: other changes came between ${TRIES_MAX} times; try again`,
    );
  }

  async #ensure(): Promise<void> {
    if (this.#isEnsured) return;
    for (const key of AUTH_DIRECTORIES) await this.#propose({ key, act: "create" });
    await this.#propose({ key: ENABLED, act: "create", value: "false" });
    this.#isEnsured = true;
  }

  #propose(act: Act): Promise<Outcome> {
    const timeMs = this.#server.nowMs();
    return this.#server.propose({ op: "auth", ...act, timeMs }, this.#server.following);
  }
}

function rootIsFixed(): AuthRefusal {
  return refuse(403, `Cannot modify role ${ROOT}: is root role.`);
}

function notCreated(user: User | AuthRefusal) {
  return isRefusal(user) ? user : { user, isCreated: false };
}
