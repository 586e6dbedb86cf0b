import { readFile } from "node:fs/promises";
import { systemClock } from "#base/clock.ts";
import { withDeadline } from "#base/deadline.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { type KeysClient, type KeysClientOptions, openKeysClient } from "#keys/client.ts";
import type { Endpoint, HttpRequest } from "#keys/client-exchange.ts";
import { type CommandRun, type Connected, EXIT, Refusal } from "./command.ts";
import { explain, isConnectionFailure } from "./explain.ts";
import { membersOf } from "./members.ts";

const DEFAULT_ENDPOINTS = "http://127.0.0.1:2379,http://127.0.0.1:4001";
const NO_LIMIT_MS = 2 ** 31 - 1; // what a timer can hold, 24 days

/** The endpoints by flag or environment, in etcdctl's order of precedence. */
export function endpointsOf({ globals, io }: Pick<CommandRun, "globals" | "io">): string[] {
  const { env } = io;
  const text =
    globals.text("endpoints") ||
    env["ETCDCTL_ENDPOINTS"] ||
    globals.text("endpoint") ||
    env["ETCDCTL_ENDPOINT"] ||
    globals.text("peers") ||
    env["ETCDCTL_PEERS"] ||
    DEFAULT_ENDPOINTS;
  const given = text.split(",").map((endpoint) => endpoint.trim());
  return given
    .filter((endpoint) => endpoint !== "")
    .map((endpoint) => (endpoint.includes("://") ? endpoint : `http://${endpoint}`));
}

/**
 * Runs `work` with a client on the members' published client URLs, within `--total-timeout`.
 */
export async function withKeys(
  given: CommandRun,
  work: (connected: Connected) => Promise<number>,
): Promise<number> {
  return withEndlessKeys(given, ({ client, signal }) =>
    withinTotal(given, signal, (limit) => work({ client, signal: limit })),
  );
}

/** As `withKeys`, without an end. */
export async function withEndlessKeys(
  given: CommandRun,
  work: (connected: Connected) => Promise<number>,
): Promise<number> {
  const named = endpointsOf(given);
  const endpoints = given.globals.bool("no-sync") ? named : await publishedEndpoints(given, named);
  return withEndpoints(given, endpoints, work);
}

/** With a client on these endpoints, as they are. */
export async function withEndpoints(
  given: CommandRun,
  endpoints: readonly string[],
  work: (connected: Connected) => Promise<number>,
): Promise<number> {
  debug(given, `Cluster-Endpoints: ${endpoints.join(", ")}`);
  await using client = await openClient(given, endpoints, { traced: true });
  return await work({ client, signal: given.io.signal });
}

/** @throws {Fault} TIMED_OUT after `--total-timeout`. */
export function withinTotal<T>(
  { globals }: Pick<CommandRun, "globals">,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ms = globals.has("total-timeout") ? globals.number("total-timeout") : 5_000;
  return withDeadline({ ms, clock: systemClock, what: "run the command", signal }, work);
}

async function publishedEndpoints(
  given: CommandRun,
  endpoints: readonly string[],
): Promise<readonly string[]> {
  debug(given, `start to sync cluster using endpoints(${endpoints.join(",")})`);
  let published = endpoints;
  try {
    await using client = await openClient(given, endpoints, { traced: true });
    const members = await withinTotal(given, given.io.signal, (limit) => membersOf(client, limit));
    published = [...new Set(members.flatMap(({ clientUrls }) => clientUrls))];
  } catch (error) {
    given.io.signal.throwIfAborted();
    if (isConnectionFailure(error)) throw new Refusal(explain(error), EXIT.badConnection);
    // Whoever answers but tells no members may still hold keys.
  }
  if (published.length === 0)
    throw new Refusal(
      `no member has published a client endpoint; give --no-sync to use ${endpoints.join(",")} as they are`,
      EXIT.serverError,
    );
  debug(given, `got endpoints(${published.join(",")}) after sync`);
  return published;
}

/**
 * A client on these endpoints with the limits and credentials that the flags give; `traced` when `--debug` shows
 * what it asks.
 */
export async function openClient(
  given: CommandRun,
  endpoints: readonly string[],
  { traced }: { readonly traced: boolean },
): Promise<KeysClient> {
  const { globals } = given;
  const timeoutMs = globals.has("timeout") ? globals.number("timeout") : 2_000;
  const user = globals.text("username") || given.io.env["ETCDCTL_USERNAME"];
  if (user !== undefined && !user.includes(":"))
    throw new Fault(
      "USAGE",
      `Cannot use --username ${user}: the password is missing; write ${user}:PASSWORD`,
    );
  const requestTimeoutMs = timeoutMs > 0 ? timeoutMs : NO_LIMIT_MS;
  return openKeysClient({
    endpoints,
    requestTimeoutMs,
    connectTimeoutMs: requestTimeoutMs,
    batch: false, // its requests are the original's
    ...(await certificates(given)),
    ...(user === undefined ? {} : { auth: user }),
    ...(traced && globals.bool("debug")
      ? { onRequest: (...sent) => debug(given, asCurl(...sent)) }
      : {}),
  });
}

async function certificates(given: CommandRun): Promise<Pick<KeysClientOptions, "tls">> {
  const tls: Record<string, Buffer> = {};
  for (const [part, flag] of Object.entries({
    ca: "ca-file",
    cert: "cert-file",
    key: "key-file",
  })) {
    const variable = `ETCDCTL_${flag.toUpperCase().replace("-", "_")}`;
    const path = given.globals.text(flag) || given.io.env[variable];
    if (!path) continue;
    try {
      tls[part] = await readFile(path);
    } catch (cause) {
      throw new Fault("FILE_UNREADABLE", `Cannot read --${flag}: ${reasonOf(cause)}`, { cause });
    }
  }
  return Object.keys(tls).length === 0 ? {} : { tls };
}

function asCurl(endpoint: Endpoint, { method, path, form }: HttpRequest): string {
  const data = form === undefined ? "" : ` -d "${form}"`;
  return `cURL Command: curl -X ${method} ${endpoint.text}${path}${data}`;
}

function debug({ globals, io }: CommandRun, line: string): void {
  if (globals.bool("debug")) io.stderr.write(`${line}\n`);
}
