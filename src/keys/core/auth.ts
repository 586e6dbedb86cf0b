import { byCodePoint } from "#keys/core/code-point-order.ts";

// Users, roles and what they may: etcd's rules of its v2 API (etcd v2 authentication documentation), as pure functions.

export const ROOT = "root";
export const GUEST = "guest";

/** A list of Go's: `null` and empty are two things to its JSON, and to its comparison. */
export type Names = readonly string[] | null;

export interface User {
  readonly user: string;
  /** Not the password but what it is checked against; of a request, the password itself. */
  readonly password: string;
  readonly roles: Names;
}

/** Patterns of keys: one key, or with a star at its end all that begin so. */
export interface Permissions {
  readonly read: Names;
  readonly write: Names;
}

export interface Role {
  readonly role: string;
  readonly permissions: Permissions;
  readonly grant?: Permissions;
  readonly revoke?: Permissions;
}

/** What a request says of a user. */
export interface UserChange extends User {
  readonly grant: Names;
  readonly revoke: Names;
}

/** Why nothing is changed, as the API answers it. */
export interface AuthRefusal {
  readonly status: number;
  readonly message: string;
}

export function refuse(status: number, message: string): AuthRefusal {
  return { status, message: `auth: ${message}` };
}

export function isRefusal(of: object): of is AuthRefusal {
  return "message" in of;
}

const ALL: Permissions = { read: ["/*"], write: ["/*"] };
export const ROOT_ROLE: Role = { role: ROOT, permissions: ALL };
/** What everyone may when authentication is turned on and nothing was said about guests. */
export const GUEST_ROLE: Role = { role: GUEST, permissions: ALL };

/** Whoever is called root has root's role. */
export function withRootRole<U extends User>(user: U): U {
  if (user.user !== ROOT || user.roles?.includes(ROOT)) return user;
  return { ...user, roles: [...(user.roles ?? []), ROOT] };
}

/** A user after a change; `password` is what is to be kept when the change brings one. */
export function mergeUser(
  old: User,
  change: UserChange,
  password: string | undefined,
): User | AuthRefusal {
  const roles = new Set(old.roles);
  for (const role of change.grant ?? []) {
    if (roles.has(role))
      return refuse(409, `Granting duplicate role ${role} for user ${change.user}`);
    roles.add(role);
  }
  for (const role of change.revoke ?? [])
    if (!roles.delete(role))
      return refuse(409, `Revoking ungranted role ${role} for user ${change.user}`);
  const next = { user: old.user, password: password ?? old.password, roles: sorted(roles) };
  if (next.password === old.password && isSame(old.roles, next.roles))
    return refuse(400, "User not updated. Use grant/revoke/password to update the user.");
  return next;
}

/** A role after a change: granting what is there is refused, revoking what is not there is nothing. */
export function mergeRole(old: Role, { grant, revoke }: Role): Role | AuthRefusal {
  let permissions = old.permissions;
  for (const kind of ["read", "write"] as const) {
    const duplicate = grant && firstDuplicate(permissions[kind], grant[kind]);
    if (duplicate !== undefined)
      return refuse(409, `Granting duplicate ${kind} permission ${duplicate}`);
  }
  if (grant) permissions = mapPermissions(permissions, grant, (a, b) => a.union(b));
  if (revoke) permissions = mapPermissions(permissions, revoke, (a, b) => a.difference(b));
  const isUnchanged =
    isSame(old.permissions.read, permissions.read) &&
    isSame(old.permissions.write, permissions.write) &&
    !old.grant &&
    !old.revoke;
  return isUnchanged
    ? refuse(400, "Role not updated. Use grant/revoke to update the role.")
    : { role: old.role, permissions };
}

function firstDuplicate(old: Names, granted: Names): string | undefined {
  const known = new Set(old);
  for (const pattern of granted ?? []) {
    if (known.has(pattern)) return pattern;
    known.add(pattern);
  }
  return undefined;
}

function mapPermissions(
  old: Permissions,
  change: Permissions,
  merge: (old: Set<string>, change: Set<string>) => Set<string>,
): Permissions {
  return {
    read: sorted(merge(new Set(old.read), new Set(change.read))),
    write: sorted(merge(new Set(old.write), new Set(change.write))),
  };
}

export function isEmpty(permissions: Permissions | undefined): boolean {
  return !permissions?.read?.length && !permissions?.write?.length;
}

/**
 * Whether a role lets a request at `path`, which is as it was sent: `/a/` is not `/a`. What goes through all below
 * needs a pattern with a star.
 */
export function mayAccess(
  role: Role,
  path: string,
  { isWrite, isRecursive }: { readonly isWrite: boolean; readonly isRecursive: boolean },
): boolean {
  if (role.role === ROOT) return true;
  const patterns = isWrite ? role.permissions.write : role.permissions.read;
  return (patterns ?? []).some((pattern) =>
    pattern.endsWith("*")
      ? path.startsWith(pattern.slice(0, -1))
      : !isRecursive && path === pattern && path !== "",
  );
}

function sorted(names: Iterable<string>): string[] {
  return [...names].sort(byCodePoint);
}

function isSame(a: Names, b: Names): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((name, at) => name === b[at]);
}
