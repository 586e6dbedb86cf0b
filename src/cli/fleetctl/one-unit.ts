import type { Session } from "./session.ts";
import { unitNameOf } from "./unit-args.ts";

/** The name of the one unit that the arguments have to name; undefined after saying that they do not. */
export function oneUnit({ args, err }: Session, what = "unit"): string | undefined {
  const [arg, ...more] = args;
  if (arg !== undefined && more.length === 0) return unitNameOf(arg);
  err(`One ${what} must be provided`, "USAGE");
  return undefined;
}
