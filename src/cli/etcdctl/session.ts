import { systemClock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { type KeysClient, openKeysClient } from "#keys/client.ts";
import type { Endpoint, HttpRequest } from "#keys/client-exchange.ts";
import { type Access, accessOf } from "./access.ts";
import { type CommandRun, type Connected, EXIT, Refusal } from "./command.ts";
import { endpointsOf } from "./endpoints.ts";
import { explain, isConnectionFailure } from "./explain.ts";
import { membersOf } from "./members.ts";

const NO_LIMIT_MS = 2 ** 31 - 1; // what a timer can hold, 24 days

/**
 * Runs `work` with a client on the members' published client URLs, within `--total-timeout`.
 */
export async function withKeys(given: CommandRun, work: Work): Promise<number> {
  return withEndlessKeys(given, (connected) => withinTotal(given, connected, work));
}

/**
 * As `withKeys`, for the commands whose failures the original prints without `Error:  ` and ends with status 1.
 */
export async function withApi(given: CommandRun, work: Work): Promise<number> {
  return withEndlessKeys(given, (connected) => plainly(given, connected, work));
}

/** As `withKeys`, without an end. */
export async function withEndlessKeys(given: CommandRun, work: Work): Promise<number> {
  const named = await endpointsOf(given);
  const access = await accessOf(given);
  const endpoints = given.globals.bool("no-sync")
    ? named
    : await publishedEndpoints(given, access, named);
  return withEndpoints(given, access, endpoints, work);
}

type Work = (connected: Connected) => Promise<number>;

/** With a client on these endpoints, as they are. */
export async function withEndpoints(
  given: CommandRun,
  access: Access,
  endpoints: readonly string[],
  work: Work,
): Promise<number> {
  debugEndpoints(given, endpoints);
  await using client = openClient(given, access, endpoints, { traced: true });
  return await work({ client, endpoints, signal: given.io.signal });
}

/** @throws {Fault} TIMED_OUT after `--total-timeout`. */
export function withinTotal<T>(
  { globals }: Pick<CommandRun, "globals">,
  connected: Connected,
  work: (connected: Connected) => Promise<T>,
): Promise<T> {
  const ms = globals.has("total-timeout") ? globals.number("total-timeout") : 5_000;
  const { signal } = connected;
  const deadline = { ms, clock: systemClock, what: "run the command", signal };
  return withDeadline(deadline, (limit) => work({ ...connected, signal: limit }));
}

/** @throws {Refusal} a plain one, for whatever fails. */
export async function plainly(
  given: CommandRun,
  connected: Connected,
  work: Work,
): Promise<number> {
  try {
    return await withinTotal(given, connected, work);
  } catch (cause) {
    given.io.signal.throwIfAborted();
    if (cause instanceof Refusal) throw cause;
    throw new Refusal(explain(cause), EXIT.badArguments, { plain: true, cause });
  }
}

async function publishedEndpoints(
  given: CommandRun,
  access: Access,
  endpoints: readonly string[],
): Promise<readonly string[]> {
  debug(given, `start to sync cluster using endpoints(${endpoints.join(",")})`);
  let published = endpoints;
  try {
    await using client = openClient(given, access, endpoints, { traced: true });
    const connected = { client, endpoints, signal: given.io.signal };
    const members = await withinTotal(given, connected, membersOf);
    published = [...new Set(members.flatMap(({ clientUrls }) => clientUrls))];
  } catch (cause) {
    given.io.signal.throwIfAborted();
    if (isConnectionFailure(cause))
      throw new Refusal(explain(cause), EXIT.badConnection, { cause });
    // Whoever answers but tells no members may still hold keys.
  }
  if (published.length === 0) {
    given.io.stderr.write(
      `etcd cluster has no published client endpoints.\nTry '--no-sync' if you want to access non-published client endpoints(${endpoints.join(",")}).\n`,
    );
    throw new Refusal("client: no endpoints available", EXIT.serverError);
  }
  debug(given, `got endpoints(${published.join(",")}) after sync`);
  return published;
}

/** A client on these endpoints with the limits that the flags give; `traced` when `--debug` shows what it asks. */
export function openClient(
  given: CommandRun,
  access: Access,
  endpoints: readonly string[],
  { traced }: { readonly traced: boolean },
): KeysClient {
  const { globals } = given;
  const timeoutMs = globals.has("timeout") ? globals.number("timeout") : 2_000;
  const requestTimeoutMs = timeoutMs > 0 ? timeoutMs : NO_LIMIT_MS;
  return openKeysClient({
    endpoints,
    requestTimeoutMs,
    connectTimeoutMs: requestTimeoutMs,
    batch: false, // its requests are the original's
    ...access,
    ...(traced && globals.bool("debug")
      ? { onRequest: (...sent) => debug(given, asCurl(...sent)) }
      : {}),
  });
}

function asCurl(endpoint: Endpoint, { method, path, form, json }: HttpRequest): string {
  const body = form ?? json;
  const data = body === undefined ? "" : ` -d ${JSON.stringify(body)}`;
  return `cURL Command: curl -X ${method} ${endpoint.text}${path}${data}`;
}

export function debugEndpoints(given: CommandRun, endpoints: readonly string[]): void {
  debug(given, `Cluster-Endpoints: ${endpoints.join(", ")}`);
}

function debug({ globals, io }: CommandRun, line: string): void {
  if (globals.bool("debug")) io.stderr.write(`${line}\n`);
}
