import type { IncomingMessage } from "node:http";
import type { UnitName } from "#unitfile/core/unit-name.ts";
import type { ApiContext } from "./api-context.ts";
import type { UnitStateName } from "./core/schema.ts";
import type { UnitRequest } from "./core/unit-request.ts";
import { USER_HEADER } from "./http-request.ts";

/** Any longer name is cut; what is no printable ASCII is left out of it. */
const NAME_MAX = 100;

type Teller = Pick<ApiContext, "events" | "me">;

/** Tells what a `PUT` of a unit changed; `was` is the state that was wanted before. */
export function tellRequest(
  { events, me }: Teller,
  request: IncomingMessage,
  asked: Exclude<UnitRequest, { kind: "refuse" }>,
  was: UnitStateName | undefined,
): void {
  if (asked.kind === "update" && was === asked.desired) return;
  events.tell({
    what: asked.kind === "update" ? "set" : asked.replaces ? "changed" : "submitted",
    unit: asked.name,
    who: clientOf(request, me),
    why: "asked of the API",
    ...(was !== undefined && { before: was }),
    after: asked.desired,
  });
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
