import { Fault } from "#base/fault.ts";
import type { HttpAnswer } from "#keys/client-exchange.ts";
import { cleanPath, errorOf, isServerTrouble } from "#keys/client-wire.ts";
import { type Connected, plainRefusal, type Refusal } from "./command.ts";
import { goJson } from "./print-reply.ts";

/** A member of the cluster, as `/v2/members` tells it. */
export interface Member {
  readonly id: string;
  /** Empty when it has not started yet. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
}

type Asking = Pick<Connected, "client" | "signal">;

/** @throws {Fault} STORE_UNAVAILABLE, also when the answer tells no members. */
export async function membersOf(asking: Asking): Promise<Member[]> {
  const json = await fetchJson(asking, "/v2/members");
  if (!isRecord(json)) throw untold("/v2/members");
  return (Array.isArray(json["members"]) ? json["members"] : []).map(memberOf);
}

export async function leaderOf(asking: Asking): Promise<Member> {
  return memberOf(await fetchJson(asking, "/v2/members/leader"));
}

/** The new member, or why there is none. */
export async function addMember(asking: Asking, peerUrls: readonly string[]): Promise<Member> {
  const answer = await change(asking, "POST", "/v2/members", peerUrls);
  if (answer.status === 201) return memberOf(parseJson(answer.body, "/v2/members"));
  throw answer.status === 409 ? plainRefusal(messageOf(answer)) : unexpected(answer);
}

export async function updateMember(
  asking: Asking,
  id: string,
  peerUrls: readonly string[],
): Promise<void> {
  const answer = await change(asking, "PUT", `/v2/members/${cleanPath(id)}`, peerUrls);
  if (answer.status === 404 || answer.status === 409) throw plainRefusal(messageOf(answer));
  if (answer.status !== 204) throw unexpected(answer);
}

/** One that is gone already counts as removed. */
export async function removeMember(asking: Asking, id: string): Promise<void> {
  const answer = await change(asking, "DELETE", `/v2/members/${cleanPath(id)}`);
  if (answer.status !== 204 && answer.status !== 410) throw unexpected(answer);
}

async function change(
  { client, signal }: Asking,
  method: string,
  path: string,
  peerUrls?: readonly string[],
): Promise<HttpAnswer> {
  const json = peerUrls === undefined ? {} : { json: goJson({ peerURLs: peerUrls }) };
  const answer = await client.change({ method, path, ...json }, signal);
  if (isServerTrouble(answer))
    throw plainRefusal(
      `the members were not changed (${answer.endpoint.text} answers ${answer.status}): a majority of them has to run, and one that has just joined needs some seconds`,
    );
  return answer;
}

async function fetchJson({ client, signal }: Asking, path: string): Promise<unknown> {
  const answer = await client.fetch(path, signal);
  if (isServerTrouble(answer)) throw errorOf(answer);
  if (answer.status !== 200) throw unexpected(answer);
  return parseJson(answer.body, path);
}

function parseJson(body: string, path: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw untold(path);
  }
}

/** What a server says beside a status that is not good. */
export function messageOf(answer: HttpAnswer): string {
  try {
    const json: unknown = JSON.parse(answer.body);
    if (isRecord(json) && typeof json["message"] === "string") return json["message"];
  } catch {
    // Not of this API.
  }
  return unexpected(answer).message;
}

export function unexpected({ status }: HttpAnswer): Refusal {
  return plainRefusal(`unexpected status code ${status}`);
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

export function isRecord(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null;
}

function untold(path: string): Fault {
  return new Fault(
    "STORE_UNAVAILABLE",
    `Cannot learn the members: the answer to ${path} is not etcd's; check the endpoints`,
  );
}
