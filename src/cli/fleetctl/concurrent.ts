import { Fault } from "#base/fault.ts";

const CALLS_MAX = 16; // at once; more does not make a fleetd faster, and unix sockets have short queues

/** Calls for every item, some at once; results in the order of the items. The first rejection ends it. */
export async function mapConcurrently<T, R>(
  items: readonly T[],
  call: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const work = async () => {
    for (const [i, item] of queue) results[i] = await call(item);
  };
  await Promise.all(Array.from({ length: Math.min(CALLS_MAX, items.length) }, work));
  return results;
}

/** How a call went that may be refused without ending the others. */
export type Settled<T> =
  | { readonly isDone: true; readonly value: T }
  | { readonly isDone: false; readonly error: Fault };

/** Resolves also for a Fault; anything else, such as an abort, rejects. */
export async function settle<T>(call: () => Promise<T>): Promise<Settled<T>> {
  try {
    return { isDone: true, value: await call() };
  } catch (error) {
    if (error instanceof Fault) return { isDone: false, error };
    throw error;
  }
}
