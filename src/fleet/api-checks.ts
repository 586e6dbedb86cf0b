import { withDeadline } from "#base/deadline.ts";
import { Fault } from "#base/fault.ts";
import { ApiRefusal } from "./api-answer.ts";
import type { ApiContext } from "./api-context.ts";
import type { ClusterModel } from "./core/cluster-model.ts";
import { refusedCycle } from "./core/refuse-cycle.ts";
import type { UnitRequest } from "./core/unit-request.ts";

/** How long an answer to a write waits until reads show the write. */
const SEEN_MS = 5_000;

/** @throws {ApiRefusal} 405 for another method */
export function allow(method: string, ...methods: readonly string[]): void {
  if (methods.includes(method)) return;
  const [last, ...others] = [...methods].reverse();
  const list = others.length === 0 ? last : `${others.reverse().join(", ")} and ${last}`;
  throw new ApiRefusal(405, `only ${list} supported against this resource`);
}

/** @throws {ApiRefusal} 400 for a text by which units would wait for each other in a circle */
export function refuseCycle(model: ClusterModel, asked: UnitRequest): void {
  const cycle = asked.kind === "create" ? refusedCycle(model, asked.name, asked.raw) : undefined;
  if (cycle !== undefined) throw new ApiRefusal(400, cycle);
}

/** Reads are answered from the mirror, and only while it follows the store. */
export function following({ feed, clock }: ApiContext): void {
  const { state } = feed;
  if (state.state === "following" && feed.isListed) return;
  const forSeconds = Math.round((clock.monotonicMs() - state.sinceMs) / 1000);
  const since = new Date(clock.now().getTime() - forSeconds * 1000).toISOString();
  const reason = state.state === "lost" ? state.reason : "not listed yet";
  throw new Fault(
    "STORE_UNAVAILABLE",
    `the store has not been followed since ${since}: ${reason}; units go on running as they are`,
  );
}

/** A write is answered once a following read shows it; one that takes too long is in force all the same. */
export async function seen(
  { feed, clock }: ApiContext,
  index: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const limit = { ms: SEEN_MS, clock, what: "show what was written", signal };
  await withDeadline(limit, (stop) => feed.seen(index, stop)).catch((error: unknown) => {
    if (!(error instanceof Fault && error.code === "TIMED_OUT")) throw error;
  });
}
