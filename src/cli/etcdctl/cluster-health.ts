import { setTimeout as sleep } from "node:timers/promises";
import { reasonOf } from "#base/fault.ts";
import { type Command, type CommandRun, type Connected, EXIT } from "./command.ts";
import { attemptsOf, explainAttempt } from "./explain.ts";
import { type Member, membersOf } from "./members.ts";
import { print } from "./print-reply.ts";
import { endpointsOf, openClient, withEndpoints } from "./session.ts";

const CHECK_EVERY_MS = 10_000;

export const clusterHealth: Command = {
  name: "cluster-health",
  usage: "say of every member, and of the cluster, whether it is well",
  argsUsage: "",
  flags: [
    { name: "forever", alias: "f", kind: "bool", usage: "every 10 seconds until interrupted" },
  ],
  run: (given) =>
    withEndpoints(given, endpointsOf(given), async (connected) => {
      const members = await listMembers(given, connected);
      for (;;) {
        const healthy = await checkAll(given, members);
        print(given.io, healthy ? "cluster is healthy" : "cluster is unhealthy");
        if (!given.flags.bool("forever")) return healthy ? 0 : EXIT.unhealthy;
        print(given.io, "\nnext check after 10 second...\n");
        const { signal } = given.io;
        await sleep(CHECK_EVERY_MS, undefined, { signal }).catch(() => {}); // interrupted
        if (signal.aborted) return 0;
      }
    }),
};

async function listMembers(
  { io }: CommandRun,
  { client, signal }: Connected,
): Promise<readonly Member[]> {
  try {
    return await membersOf(client, signal);
  } catch (error) {
    if (!signal.aborted) print(io, "cluster may be unhealthy: failed to list members");
    throw error;
  }
}

async function checkAll(given: CommandRun, members: readonly Member[]): Promise<boolean> {
  let healthy = false;
  for (const member of members) if (await check(given, member)) healthy = true;
  return healthy;
}

/** Asks a member at the first of its URLs that answers. */
async function check(given: CommandRun, { id, clientUrls }: Member): Promise<boolean> {
  const { io } = given;
  if (clientUrls.length === 0) {
    print(io, `member ${id} is unreachable: no available published client urls`);
    return false;
  }
  for (const url of clientUrls) {
    const answer = await healthAt(given, url);
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
  url: string,
): Promise<"healthy" | "unhealthy" | { readonly failure: string }> {
  await using client = await openClient(given, [url], { traced: false });
  try {
    const { body } = await client.fetch("/health", given.io.signal);
    const health: unknown = JSON.parse(body);
    if (typeof health !== "object" || health === null || !("health" in health))
      return { failure: `unexpected answer ${JSON.stringify(body.slice(0, 80))}` };
    return health.health === "true" || health.health === true ? "healthy" : "unhealthy";
  } catch (error) {
    given.io.signal.throwIfAborted();
    const [attempt] = attemptsOf(error);
    const reason = attempt ? explainAttempt(attempt) : reasonOf(error);
    return { failure: `Get "${url}/health": ${reason}` };
  }
}
