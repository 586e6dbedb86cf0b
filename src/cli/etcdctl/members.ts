import { Fault } from "#base/fault.ts";
import type { KeysClient } from "#keys/client.ts";
import { errorOf, isServerTrouble } from "#keys/client-wire.ts";

/** A member of the cluster, as `/v2/members` tells it. */
export interface Member {
  readonly id: string;
  /** Empty when it has not started yet. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
}

/** @throws {Fault} STORE_UNAVAILABLE, also when the answer tells no members. */
export async function membersOf(client: KeysClient, signal: AbortSignal): Promise<Member[]> {
  const json = await fetchJson(client, "/v2/members", signal);
  const members = isRecord(json) && Array.isArray(json["members"]) ? json["members"] : undefined;
  if (members === undefined) throw untold("/v2/members");
  return members.map(memberOf);
}

export async function leaderOf(client: KeysClient, signal: AbortSignal): Promise<Member> {
  return memberOf(await fetchJson(client, "/v2/members/leader", signal));
}

async function fetchJson(client: KeysClient, path: string, signal: AbortSignal): Promise<unknown> {
  const answer = await client.fetch(path, signal);
  if (isServerTrouble(answer)) throw errorOf(answer);
  if (answer.status !== 200) throw untold(path);
  try {
    return JSON.parse(answer.body);
  } catch {
    throw untold(path);
  }
}

function memberOf(json: unknown): Member {
  const wire = isRecord(json) ? json : {};
  const { id, name, peerURLs, clientURLs } = wire;
  if (typeof id !== "string") throw untold("/v2/members");
  return {
    id,
    name: typeof name === "string" ? name : "",
    peerUrls: textsOf(peerURLs),
    clientUrls: textsOf(clientURLs),
  };
}

function textsOf(json: unknown): string[] {
  return Array.isArray(json) ? json.filter((item) => typeof item === "string") : [];
}

function isRecord(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null;
}

function untold(path: string): Fault {
  return new Fault(
    "STORE_UNAVAILABLE",
    `Cannot learn the members: the answer to ${path} is not etcd's; check the endpoints`,
  );
}
