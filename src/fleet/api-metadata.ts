import { ApiRefusal, bodyText, sendEmpty } from "./api-answer.ts";
import { seen } from "./api-checks.ts";
import type { ApiContext, Exchange } from "./api-context.ts";
import { clientOf } from "./api-tell.ts";
import { readMetadataPatch } from "./core/metadata-patch.ts";

/**
 * `PATCH /machines`: changes machines' metadata. As in the original the body may have any type, and a machine need not
 * be known.
 */
export async function patchMetadata(context: ApiContext, exchange: Exchange): Promise<void> {
  const { feed, registry, events, me } = context;
  const { request, response, signal } = exchange;
  const patch = readMetadataPatch(await bodyText(request));
  if (typeof patch === "string") throw new ApiRefusal(400, patch);
  let index: number | undefined;
  for (const { machine, name, value } of patch) {
    const before = feed.model.machines.get(machine)?.metadata.get(name);
    index = await registry.setMetadata(machine, name, value, signal);
    events.tell({
      what: "metadata",
      machine,
      who: clientOf(request, me),
      why: "asked of the API",
      ...(before !== undefined && { before: `${name}=${before}` }),
      ...(value !== "" && { after: `${name}=${value}` }),
    });
  }
  await seen(context, index, signal);
  sendEmpty(response, 204);
}
