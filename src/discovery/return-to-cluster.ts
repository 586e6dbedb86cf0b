import type { SecureContextOptions } from "node:tls";
import * as v from "valibot";
import type { Clock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Logger } from "#base/logger.ts";
import type { Random } from "#base/random.ts";
import { type KeysClient, openKeysClient } from "#keys/client.ts";
import type { HttpAnswer } from "#keys/client-exchange.ts";
import type { Member } from "#keys/member.ts";
import type { Cluster } from "./core/bootstrap.ts";
import { isUnavailable } from "./discovery-client.ts";

/** How long the cluster may take to have a leader and to let a member in: after a power cut machines come together. */
const READY_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 1_000;

export interface ReturnOptions {
  readonly name: string;
  /** This machine's (initial-advertise-peer-urls). */
  readonly peerURLs: readonly string[];
  /** As joinCluster told. */
  readonly cluster: Cluster;
  /** For https URLs of members. */
  readonly tls?: SecureContextOptions;
  readonly readyWithinMs?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

const Peers = v.array(v.object({ clientURLs: v.optional(v.array(v.string()), []) }));
const Members = v.object({
  members: v.array(
    v.object({
      id: v.string(),
      name: v.string(),
      peerURLs: v.array(v.string()),
      clientURLs: v.array(v.string()),
    }),
  ),
});

/**
 * Gives a machine that had a slot at a discovery URL and lost its data its place in the cluster again: the member of its
 * earlier life is removed and one for its new life added, because a member that forgot what it had promised may not go
 * on under its old id. Resolves with the members as initial-cluster has to name them; the machine then starts with
 * initial-cluster-state `existing`.
 * @throws {Fault} DISCOVERY_REFUSED when no cluster with a leader is found in time, when the earlier member is alive on
 * another machine, or when the cluster says no.
 */
export async function returnToCluster(
  options: ReturnOptions,
  signal: AbortSignal,
): Promise<Cluster> {
  const { name, cluster, clock, logger, readyWithinMs = READY_WITHIN_MS } = options;
  const peers = [...cluster].filter(([other]) => other !== name).flatMap(([, urls]) => urls);
  const untilMs = clock.monotonicMs() + readyWithinMs;
  let told = "";
  for (;;) {
    const done = await tryReturn(peers, options, signal);
    if (typeof done !== "string") return done;
    if (clock.monotonicMs() > untilMs)
      throw refused(
        name,
        `it had a slot and lost its data, and of the others (${peers.join(", ")}) ${done}; start them first, or begin anew everywhere with a new discovery URL`,
      );
    if (done !== told) logger.warn({ peers, reason: done }, "waiting to be let in again");
    told = done;
    await clock.sleep(LOOK_EVERY_MS, signal);
  }
}

async function tryReturn(
  peers: readonly string[],
  options: ReturnOptions,
  signal: AbortSignal,
): Promise<Cluster | string> {
  try {
    const urls = await ledClientUrls(peers, options, signal);
    return urls ? await replaceMember(urls, options, signal) : "none tells of a leader";
  } catch (error) {
    signal.throwIfAborted();
    if (!isUnavailable(error)) throw error;
    return error.message; // each step may be done twice
  }
}

/** The members there are then; or why it cannot be done just now, such as that the cluster is not well yet. */
async function replaceMember(
  clientUrls: readonly string[],
  options: ReturnOptions,
  signal: AbortSignal,
): Promise<Cluster | string> {
  const { name, peerURLs, logger } = options;
  await using client = openKeysClient({ ...options, endpoints: clientUrls });
  const known = await membersOf(client, signal);
  for (const member of known) {
    const isHere = sameUrls(member.peerURLs, peerURLs);
    if ((isHere && member.name === "") || (!isHere && member.name !== name)) continue;
    await refuseAlive(member, options, signal);
    logger.warn({ id: member.id, name }, "removing the member of an earlier life");
    const refusal = await change(client, "DELETE", `/v2/members/${member.id}`, undefined, signal);
    if (refusal) return refusal;
  }
  const left = await membersOf(client, signal);
  if (!left.some((member) => sameUrls(member.peerURLs, peerURLs))) {
    const refusal = await change(client, "POST", "/v2/members", { peerURLs }, signal);
    if (refusal) return refusal;
  }
  const others = left.filter((member) => !sameUrls(member.peerURLs, peerURLs));
  return new Map([
    // One that has not started has no name yet; etcd goes by the URLs.
    ...others.map((member) => [member.name || member.id, member.peerURLs] as const),
    [name, peerURLs] as const,
  ]);
}

/** The cluster's client URLs, if one of them knows a leader. */
async function ledClientUrls(
  peers: readonly string[],
  options: ReturnOptions,
  signal: AbortSignal,
): Promise<string[] | undefined> {
  await using front = openKeysClient({ ...options, endpoints: peers });
  const told = read(Peers, await front.fetch("/members", signal)) ?? [];
  const urls = told.flatMap(({ clientURLs }) => clientURLs).toSorted();
  if (urls.length === 0) return undefined;
  await using client = openKeysClient({ ...options, endpoints: urls });
  const leader = await client.fetch("/v2/members/leader", signal);
  return leader.status === 200 ? urls : undefined;
}

async function membersOf(members: KeysClient, signal: AbortSignal): Promise<readonly Member[]> {
  const answer = await members.fetch("/v2/members", signal);
  const told = read(Members, answer);
  if (told) return told.members;
  throw refused("a member", `the cluster answers ${saidBy(answer)}`);
}

/** A machine with the same name that serves clients is another one. */
async function refuseAlive(
  { id, name, clientURLs }: Member,
  options: ReturnOptions,
  signal: AbortSignal,
): Promise<void> {
  if (clientURLs.length === 0) return;
  await using front = openKeysClient({ ...options, endpoints: clientURLs });
  const isAlive = await front.fetch("/version", signal).then(
    ({ status }) => status === 200,
    () => false,
  );
  signal.throwIfAborted();
  if (isAlive)
    throw refused(
      options.name,
      `member ${id}, ${name}, is alive at ${clientURLs.join(", ")}; give this machine a name and addresses of its own`,
    );
}

/** Says why the cluster does not do it just now; nothing when it is done. */
async function change(
  client: KeysClient,
  method: string,
  path: string,
  body: object | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  const request = { method, path, ...(body ? { json: JSON.stringify(body) } : {}) };
  const answer = await client.change(request, signal);
  const isGone = method === "DELETE" && (answer.status === 404 || answer.status === 410);
  if (isGone || (answer.status >= 200 && answer.status < 300)) return undefined;
  const said = `one answers ${method} ${path} with ${saidBy(answer)}`;
  if (answer.status >= 500) return said;
  throw refused("a member again", said);
}

function read<const Schema extends v.GenericSchema>(
  schema: Schema,
  { status, body }: HttpAnswer,
): v.InferOutput<Schema> | undefined {
  if (status !== 200) return undefined;
  const told = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), body);
  return told.success ? told.output : undefined;
}

function sameUrls(a: readonly string[], b: readonly string[]): boolean {
  return a.toSorted().join() === b.toSorted().join();
}

function saidBy({ status, body }: HttpAnswer): string {
  return `HTTP status ${status}, "${body.slice(0, 200).trim()}"`;
}

function refused(whom: string, why: string): Fault {
  return new Fault("DISCOVERY_REFUSED", `Cannot start as ${whom}: ${why}`);
}
