import type { HttpAnswer } from "#keys/client-exchange.ts";
import { cleanPath, errorOf, isServerTrouble } from "#keys/client-wire.ts";
import { type CommandRun, type Connected, plainRefusal } from "./command.ts";
import { isRecord, messageOf, unexpected } from "./members.ts";
import { goJson } from "./print-reply.ts";
import { debugEndpoints, plainly, withEndlessKeys } from "./session.ts";

type Work = (connected: Connected) => Promise<number>;

/** As `withApi`, for users, roles and the switch that makes them count. */
export async function withAuth(given: CommandRun, work: Work): Promise<number> {
  return withEndlessAuth(given, (connected) => plainly(given, connected, work));
}

/** As `withAuth`, without `--total-timeout`. */
export async function withEndlessAuth(given: CommandRun, work: Work): Promise<number> {
  return withEndlessKeys(given, (connected) => {
    debugEndpoints(given, connected.endpoints); // the original tells them here once more
    return work(connected);
  });
}

/** A user's or a role's path. */
export function authPath(kind: "users" | "roles", name: string): string {
  return `/v2/auth/${kind}/${cleanPath(name)}`;
}

/** @throws {Refusal} with the server's words. */
export async function readAuth(
  { client, signal }: Connected,
  path: string,
): Promise<Readonly<Record<string, unknown>>> {
  return parse(accept(await client.fetch(path, signal)));
}

/** The members of a list, each a thing with a name under `key`. */
export async function listAuth(
  { client, signal }: Connected,
  kind: "users" | "roles",
  key: "user" | "role",
): Promise<string[]> {
  const answer = await client.fetch(`/v2/auth/${kind}`, signal);
  if (kind === "roles" && answer.status !== 200 && !isServerTrouble(answer))
    throw unexpected(answer);
  const list = parse(accept(answer))[kind];
  return Array.isArray(list) ? namesOf(list, key) : [];
}

/** Names of roles, which a list tells whole or by name alone. */
export function namesOf(list: readonly unknown[], key: "user" | "role"): string[] {
  return list.map((item) => String(isRecord(item) ? item[key] : item));
}

/**
 * @returns whether what is changed was not there before, and was made.
 * @throws {Refusal} with the server's words.
 */
export async function changeAuth(
  { client, signal }: Connected,
  method: "PUT" | "DELETE",
  path: string,
  body?: object,
): Promise<boolean> {
  const json = body === undefined ? {} : { json: goJson(body) };
  return accept(await client.change({ method, path, ...json }, signal)).status === 201;
}

function accept(answer: HttpAnswer): HttpAnswer {
  if (isServerTrouble(answer)) throw errorOf(answer);
  if (answer.status === 200 || answer.status === 201) return answer;
  throw plainRefusal(messageOf(answer));
}

function parse({ body, endpoint }: HttpAnswer): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(body);
    if (isRecord(json)) return json;
  } catch {
    // Said below.
  }
  throw plainRefusal(`the answer of ${endpoint.text} is not etcd's: ${body.slice(0, 80)}`);
}
