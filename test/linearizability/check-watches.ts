import { EXPIRING } from "./expiring.ts";
import {
  type History,
  isWrite,
  type Operation,
  type WatchEvent,
  type WatchRecord,
} from "./history.ts";

/** The actions that an operation is told as when it succeeds. */
const ACTIONS: Readonly<Record<string, string>> = {
  set: "set",
  create: "create",
  update: "update",
  compareAndSwap: "compareAndSwap",
  delete: "delete",
  compareAndDelete: "compareAndDelete",
};

/**
 * What is wrong with watches of the whole tree, in sentences: each has to tell every acknowledged write in its range
 * as it was, once, in order; nothing that nobody asked for; and the same as the others.
 */
export function checkWatches(records: readonly WatchRecord[], history: History): string[] {
  const problems: string[] = [];
  const acknowledged = new Map<number, Operation>();
  for (const operation of history)
    if (isWrite(operation) && operation.answer.kind === "done")
      acknowledged.set(operation.answer.index, operation);
  const told = new Map<number, { readonly text: string; readonly event: WatchEvent; by: string }>();
  for (const { name, fromIndex, events } of records) {
    let last = fromIndex - 1;
    for (const event of events) {
      const { modifiedIndex: index } = event;
      if (index <= last) problems.push(`${name}: told index ${index} after ${last}`);
      last = Math.max(last, index);
      const text = JSON.stringify(event);
      const other = told.get(index);
      if (other === undefined) told.set(index, { text, event, by: name });
      else if (other.text !== text)
        problems.push(`${name} was told ${text}, ${other.by} ${other.text}`);
    }
    const has = new Set(events.map((event) => event.modifiedIndex));
    for (const index of acknowledged.keys())
      if (index >= fromIndex && index <= last && !has.has(index))
        problems.push(`${name}: a gap, the acknowledged write at ${index} was not told`);
    problems.push(...gapsAgainstOthers(name, fromIndex, last, has, told));
  }
  return [
    ...problems,
    ...checkOrigins(
      [...told.values()].map(({ event }) => event),
      acknowledged,
      history,
    ),
  ];
}

function gapsAgainstOthers(
  name: string,
  from: number,
  to: number,
  has: ReadonlySet<number>,
  told: ReadonlyMap<number, { readonly by: string }>,
): string[] {
  return [...told]
    .filter(([index]) => index >= from && index <= to && !has.has(index))
    .map(([index, { by }]) => `${name}: a gap, ${by} was told of index ${index}`);
}

/** Every event is an acknowledged write, or one of unknown end, each of which happens once at most. */
function checkOrigins(
  events: readonly WatchEvent[],
  acknowledged: ReadonlyMap<number, Operation>,
  history: History,
): string[] {
  const problems: string[] = [];
  const free = new Set(history.filter(({ answer }) => answer.kind === "unknown"));
  for (const event of events) {
    if (event.key.startsWith(EXPIRING)) continue; // their writes are not recorded
    const known = acknowledged.get(event.modifiedIndex);
    if (known !== undefined) {
      if (!isOf(event, known))
        problems.push(
          `index ${event.modifiedIndex} was acknowledged otherwise: ${JSON.stringify(event)}`,
        );
      continue;
    }
    const origin = [...free].find((operation) => isOf(event, operation));
    if (origin === undefined) problems.push(`nobody asked for it: ${JSON.stringify(event)}`);
    else free.delete(origin);
  }
  return problems;
}

function isOf({ action, key, value }: WatchEvent, { key: asked, call }: Operation): boolean {
  const written = "value" in call ? call.value : undefined;
  return key === asked && action === ACTIONS[call.op] && value === written;
}
