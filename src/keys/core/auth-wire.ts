import type { Names, Permissions, Role, User, UserChange } from "#keys/core/auth.ts";
import { jsonString } from "#keys/core/wire.ts";

// The JSON of users and roles, as Go's encoding/json writes and reads etcd's; the store keeps them in the same form.

export function encodeUser({ user, password, roles }: User): string {
  const secret = password === "" ? "" : `"password":${jsonString(password)},`;
  return `{"user":${jsonString(user)},${secret}"roles":${encodeNames(roles)}}`;
}

export function encodeRole({ role, permissions, grant, revoke }: Role): string {
  const granted = grant ? `,"grant":${encodePermissions(grant)}` : "";
  const revoked = revoke ? `,"revoke":${encodePermissions(revoke)}` : "";
  return `{"role":${jsonString(role)},"permissions":${encodePermissions(permissions)}${granted}${revoked}}`;
}

export function encodeRoles(roles: readonly Role[]): string {
  return `{"roles":[${roles.map(encodeRole).join(",")}]}`;
}

/** A user as the API shows one: with the roles in full, without the password. */
export function encodeUserWithRoles(user: string, roles: readonly Role[]): string {
  const shown = roles.length === 0 ? "" : `,"roles":[${roles.map(encodeRole).join(",")}]`;
  return `{"user":${jsonString(user)}${shown}}`;
}

function encodePermissions({ read, write }: Permissions): string {
  return `{"kv":{"read":${encodeNames(read)},"write":${encodeNames(write)}}}`;
}

function encodeNames(names: Names): string {
  return names === null ? "null" : `[${names.map(jsonString).join(",")}]`;
}

/** Undefined when the text is no JSON, or of other types. */
export function decodeUser(text: string): UserChange | undefined {
  return orUndefined(() => {
    const fields = fieldsOf(firstValue(text));
    return {
      user: textOf(fields.get("user")),
      password: textOf(fields.get("password")),
      roles: namesOf(fields.get("roles")),
      grant: namesOf(fields.get("grant")),
      revoke: namesOf(fields.get("revoke")),
    };
  });
}

/** Undefined when the text is no JSON, or of other types. */
export function decodeRole(text: string): Role | undefined {
  return orUndefined(() => {
    const fields = fieldsOf(firstValue(text));
    const [grant, revoke] = [fields.get("grant"), fields.get("revoke")];
    return {
      role: textOf(fields.get("role")),
      permissions: permissionsOf(fields.get("permissions")),
      ...(isNone(grant) ? {} : { grant: permissionsOf(grant) }),
      ...(isNone(revoke) ? {} : { revoke: permissionsOf(revoke) }),
    };
  });
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Go reads one value and leaves what follows it alone. */
function firstValue(text: string): unknown {
  const start = /^[ \t\r\n]*/.exec(text)?.[0].length ?? 0;
  if (text.startsWith("null", start)) return null;
  let depth = 0;
  for (let at = start; at < text.length; at++)
    if (text[at] === '"') at = stringEnd(text, at);
    else if (text[at] === "{") depth += 1;
    else if (text[at] === "}" && (depth -= 1) === 0) return JSON.parse(text.slice(start, at + 1));
  throw new SyntaxError("no object");
}

function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

/** Names of fields have no case in Go. */
function fieldsOf(value: unknown): ReadonlyMap<string, unknown> {
  if (isNone(value)) return new Map();
  if (typeof value !== "object" || Array.isArray(value)) throw new SyntaxError("no object");
  return new Map(Object.entries(value ?? {}).map(([name, field]) => [name.toLowerCase(), field]));
}

function permissionsOf(value: unknown): Permissions {
  const kv = fieldsOf(fieldsOf(value).get("kv"));
  return { read: namesOf(kv.get("read")), write: namesOf(kv.get("write")) };
}

function namesOf(value: unknown): Names {
  if (isNone(value)) return null;
  if (!Array.isArray(value)) throw new SyntaxError("no list");
  return value.map(textOf);
}

function textOf(value: unknown): string {
  if (isNone(value)) return "";
  if (typeof value !== "string") throw new SyntaxError("no text");
  return value.toWellFormed();
}

function isNone(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}
