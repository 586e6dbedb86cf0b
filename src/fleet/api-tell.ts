import type { IncomingMessage } from "node:http";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ApiContext } from "./api-context.ts";
import type { UnitStateName } from "./core/schema.ts";
import type { UnitRequest } from "./core/unit-request.ts";
import { USER_HEADER } from "./http-request.ts";
import { hashOf } from "./unit-files.ts";

/** Any longer name is cut; what is no printable ASCII is left out of it. */
const NAME_MAX = 100;

type Teller = Pick<ApiContext, "events" | "me">;

/** Tells what a `PUT` of a unit changed; `was` is the state that was wanted before, `hash` its text then. */
export function tellRequest(
  { events, me }: Teller,
  request: IncomingMessage,
  asked: Exclude<UnitRequest, { kind: "refuse" }>,
  { was, hash }: { readonly was: UnitStateName | undefined; readonly hash: string | undefined },
): void {
  const about = { unit: asked.name, who: clientOf(request, me), why: "asked of the API" };
  const isNew = asked.kind === "create" && !asked.replaces;
  if (asked.kind === "create" && asked.replaces)
    events.tell({ what: "changed", ...about, before: hash ?? "", after: hashOf(asked.raw) });
  if (!isNew && was === asked.desired) return;
  const before = was === undefined ? {} : { before: was };
  events.tell({ what: isNew ? "submitted" : "set", ...about, ...before, after: asked.desired });
}

export function tellDestroyed({ events, me }: Teller, request: IncomingMessage, unit: UnitName) {
  events.tell({ what: "destroyed", unit, who: clientOf(request, me), why: "asked of the API" });
}

/** Who asked: the name that the client gives, which nobody checked, and where it was connected from. */
export function clientOf({ headers, socket }: IncomingMessage, me: string): string {
  const given = headers[USER_HEADER];
  const name = (Array.isArray(given) ? given.join(" ") : (given ?? ""))
    .replace(/[^ -~]/g, "")
    .trim()
    .slice(0, NAME_MAX);
  const from = socket.remoteAddress?.replace(/^::ffff:/, "") ?? `machine ${me}`;
  return name === "" ? `a client on ${from}` : `${name} (as claimed, on ${from})`;
}
