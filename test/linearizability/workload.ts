import type { Random } from "#base/random.ts";
import { pick } from "#test/simulation/pick.ts";
import type { Call, Seen } from "./history.ts";

/** How often each is asked, in all of a hundred. */
const SHARES = {
  get: 20,
  read: 15,
  set: 20,
  create: 12,
  update: 10,
  compareAndSwap: 14,
  delete: 6,
  compareAndDelete: 3,
} as const satisfies Record<Call["op"], number>;
const HUNDRED = Object.entries(SHARES).flatMap(([op, share]) =>
  Array.from({ length: share }, () => op as Call["op"]),
);

/** What a client asks next of a key that it last saw as `seen`. Every value is written once: `id` is in it. */
export function nextCall(random: Random, id: number, seen: Seen | undefined): Call {
  const value = `v${id}`;
  const op = pick(random, HUNDRED);
  // Half of the comparisons are with what was seen, by value or by index; a few can never hold.
  const before = random() < 0.9 ? seen : undefined;
  const compared =
    random() < 0.5
      ? { prevValue: before?.value ?? "none" }
      : { prevIndex: before?.modifiedIndex ?? 1 };
  switch (op) {
    case "get":
    case "read":
    case "delete":
      return { op };
    case "set":
    case "create":
    case "update":
      return { op, value };
    case "compareAndSwap":
      return { op, value, ...compared };
    case "compareAndDelete":
      return { op, ...compared };
    default:
      return op satisfies never;
  }
}
