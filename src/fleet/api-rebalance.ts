import { sendJson } from "./api-answer.ts";
import { allow, following } from "./api-checks.ts";
import type { ApiContext, Exchange } from "./api-context.ts";
import { rebalance } from "./core/rebalance.ts";
import type { SchemaRebalance } from "./core/schema.ts";

/** Answers GET /rebalance: which moves would even out the cluster as this daemon has mirrored it; nothing is written. */
export function answerRebalance(context: ApiContext, exchange: Exchange): void {
  allow(exchange.request.method ?? "", "GET");
  following(context);
  const { searchParams } = exchange.url;
  const includeAtMostOnce = searchParams.get("includeAtMostOnce") === "true";
  const plan: SchemaRebalance = rebalance(context.feed.model, { includeAtMostOnce });
  sendJson(exchange.response, 200, plan);
}
