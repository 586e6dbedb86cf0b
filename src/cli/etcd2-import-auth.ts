import * as v from "valibot";
import type { Io } from "#cli/program.ts";
import type { KeysClient } from "#keys/client.ts";

const Names = v.nullish(v.array(v.string()), []);
const Role = v.object({
  role: v.string(),
  permissions: v.object({ kv: v.object({ read: Names, write: Names }) }),
});
type Role = v.InferOutput<typeof Role>;
const Roles = v.object({ roles: v.nullish(v.array(Role), []) });

/** etcd 2.x lists a user's roles by name or in full. */
const User = v.object({
  user: v.string(),
  roles: v.nullish(v.array(v.union([v.string(), v.object({ role: v.string() })])), []),
});
const Users = v.object({ users: v.nullish(v.array(v.union([v.string(), User])), []) });

/** Every store has root's own role. */
const BUILT_IN = "root";

/**
 * Makes the source's roles at the target, and says which users are missing there: their passwords cannot be read.
 * Whether all roles are as they were.
 */
export async function importRoles(
  source: KeysClient,
  target: KeysClient,
  isDry: boolean,
  { signal, stdout }: Pick<Io, "signal" | "stdout">,
): Promise<boolean> {
  const say = (line: string) => stdout.write(`${line}\n`);
  const roles = await list(source, "/v2/auth/roles", Roles, signal);
  const users = await list(source, "/v2/auth/users", Users, signal);
  if (roles === undefined || users === undefined) {
    say("users and roles: not read; the source shows them to root only (--username)");
    return true;
  }
  const there = await list(target, "/v2/auth/roles", Roles, signal);
  let isFine = true;
  for (const role of roles.roles.filter((one) => one.role !== BUILT_IN)) {
    const known = there?.roles.find((one) => one.role === role.role);
    if (known && textOf(known) === textOf(role)) continue;
    if (known) {
      say(`role ${role.role}: other permissions at the target, left as they are`);
      isFine = false;
    } else if (isDry) say(`role ${role.role}: would be made`);
    else if (await make(target, role, signal)) say(`role ${role.role}: made`);
    else {
      say(
        `role ${role.role}: the target refuses it; it takes roles from root only (--to-username)`,
      );
      isFine = false;
    }
  }
  const usersThere = await list(target, "/v2/auth/users", Users, signal);
  const known = new Set(
    usersThere?.users.map((user) => (typeof user === "string" ? user : user.user)),
  );
  for (const user of users.users) {
    const name = typeof user === "string" ? user : user.user;
    if (known.has(name)) continue;
    const given =
      typeof user === "string"
        ? []
        : user.roles.map((one) => (typeof one === "string" ? one : one.role));
    const grants =
      given.length === 0
        ? "; the source shows no role of this user that exists, so none is to be granted"
        : `, then \`etcdctl user grant ${name} --roles ${given.join(",")}\``;
    say(`user ${name}: passwords cannot be read; run \`etcdctl user add ${name}\`${grants}`);
  }
  return isFine;
}

async function list<Schema extends v.GenericSchema>(
  client: KeysClient,
  path: string,
  schema: Schema,
  signal: AbortSignal,
): Promise<v.InferOutput<Schema> | undefined> {
  const { status, body } = await client.fetch(path, signal);
  if (status !== 200) return undefined;
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), body);
  return read.success ? read.output : undefined;
}

async function make(client: KeysClient, role: Role, signal: AbortSignal): Promise<boolean> {
  const path = `/v2/auth/roles/${encodeURIComponent(role.role)}`;
  const answer = await client.change({ method: "PUT", path, json: JSON.stringify(role) }, signal);
  return answer.status === 200 || answer.status === 201;
}

function textOf({ permissions: { kv } }: Role): string {
  return JSON.stringify([kv.read.toSorted(), kv.write.toSorted()]);
}
