import { ApiRefusal, sendJson } from "./api-answer.ts";
import type { ApiContext, Exchange } from "./api-context.ts";
import { isMachineId } from "./core/machine-id.ts";
import { FORWARDED } from "./http-request.ts";

/** Answers GET /machines/{id}/alive, also while the store is away. */
export async function answerAlive(
  { liveness }: ApiContext,
  { request, response, signal }: Exchange,
  id: string,
): Promise<void> {
  if (!isMachineId(id)) throw new ApiRefusal(400, `${JSON.stringify(id)} is no machine id`);
  const who = request.headers[FORWARDED] === undefined ? "behalf" : "itself";
  const word = await liveness.answer({ machine: id, who }, signal);
  sendJson(response, 200, { machineID: id, ...word });
}
