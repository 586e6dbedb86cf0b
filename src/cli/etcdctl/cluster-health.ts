import { setTimeout as sleep } from "node:timers/promises";
import { reasonOf } from "#base/fault.ts";
import { type Access, accessOf } from "./access.ts";
import { type Command, type CommandRun, type Connected, EXIT, Refusal } from "./command.ts";
import { endpointsOf } from "./endpoints.ts";
import { attemptsOf, explain, explainAttempt } from "./explain.ts";
import { isRecord, type Member, membersOf } from "./members.ts";
import { print } from "./print-reply.ts";
import { openClient, withEndpoints } from "./session.ts";

const CHECK_EVERY_MS = 10_000;

export const clusterHealth: Command = {
  name: "cluster-health",
  usage: "say of every member, and of the cluster, whether it is well",
  argsUsage: "",
  flags: [
    { name: "forever", alias: "f", kind: "bool", usage: "every 10 seconds until interrupted" },
  ],
  run: async (given) => {
    const named = await endpointsOf(given);
    const access = await accessOf(given);
    return withEndpoints(given, access, named, async (connected) => {
      const members = await listMembers(given, connected);
      for (;;) {
        const isHealthy = await checkAll(given, access, members);
        if (!given.flags.bool("forever")) return isHealthy ? 0 : EXIT.unhealthy;
        print(given.io, "\nnext check after 10 second...\n");
        const { signal } = given.io;
        await sleep(CHECK_EVERY_MS, undefined, { signal }).catch(() => {}); // interrupted
        if (signal.aborted) return 0;
      }
    });
  },
};

async function listMembers({ io }: CommandRun, connected: Connected): Promise<readonly Member[]> {
  try {
    return await membersOf(connected);
  } catch (cause) {
    connected.signal.throwIfAborted();
    print(io, "cluster may be unhealthy: failed to list members");
    throw new Refusal(explain(cause), EXIT.serverError, { cause });
  }
}

/** Whether all are healthy. */
async function checkAll(
  given: CommandRun,
  access: Access,
  members: readonly Member[],
): Promise<boolean> {
  let healthy = 0;
  for (const member of members) if (await check(given, access, member)) healthy += 1;
  const are = healthy === members.length ? "healthy" : healthy === 0 ? "unavailable" : "degraded";
  print(given.io, `cluster is ${are}`);
  return are === "healthy";
}

/** Asks a member at the first of its URLs that answers. */
async function check(
  given: CommandRun,
  access: Access,
  { id, clientUrls }: Member,
): Promise<boolean> {
  const { io } = given;
  if (clientUrls.length === 0) {
    print(io, `member ${id} is unreachable: no available published client urls`);
    return false;
  }
  for (const url of clientUrls) {
    const answer = await healthAt(given, access, url);
    if (answer === "healthy" || answer === "unhealthy") {
      print(io, `member ${id} is ${answer}: got ${answer} result from ${url}`);
      return answer === "healthy";
    }
    print(io, `failed to check the health of member ${id} on ${url}: ${answer.failure}`);
  }
  print(io, `member ${id} is unreachable: [${clientUrls.join(" ")}] are all unreachable`);
  return false;
}

async function healthAt(
  given: CommandRun,
  { tls }: Access,
  url: string,
): Promise<"healthy" | "unhealthy" | { readonly failure: string }> {
  await using client = openClient(given, tls ? { tls } : {}, [url], { traced: false });
  try {
    const { body } = await client.fetch("/health", given.io.signal);
    const health: unknown = JSON.parse(body);
    if (!isRecord(health))
      return { failure: `unexpected answer ${JSON.stringify(body.slice(0, 80))}` };
    return health["health"] === "true" || health["health"] === true ? "healthy" : "unhealthy";
  } catch (error) {
    given.io.signal.throwIfAborted();
    const [attempt] = attemptsOf(error);
    const reason = attempt ? explainAttempt(attempt) : reasonOf(error);
    return { failure: `Get "${url}/health": ${reason}` };
  }
}
