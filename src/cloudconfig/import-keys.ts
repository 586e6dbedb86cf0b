import { Fault } from "#base/fault.ts";
import { applyAuthorizeKeys } from "./authorize-keys.ts";
import type { ImportKeysAction } from "./core/action.ts";
import { keysOfAnswer } from "./core/authorized-keys.ts";
import type { Outcome } from "./outcome.ts";
import type { HttpGetter } from "./sources/http-getter.ts";

/** Fetches from servers; it tries again for as long as it thinks best. */
export type KeyServers = Pick<HttpGetter, "getRetry">;

/**
 * Authorizes the keys that a server has; as in the original, one that cannot be asked, or has none, fails the step.
 * @throws {Fault} SOURCE_FAILED, and those of authorizing keys
 */
export async function applyImportKeys(
  action: ImportKeysAction,
  root: string,
  servers: KeyServers,
  signal: AbortSignal,
): Promise<Outcome> {
  const answer = await servers.getRetry(action.url, signal);
  if (!answer.found)
    throw refusal(action.url, `the server answers ${answer.status}; is the name right?`);
  const keys = keysOfAnswer(new TextDecoder().decode(answer.body));
  if (keys === undefined)
    throw refusal(action.url, 'the answer is no JSON list of {"key": "ssh-rsa …"}');
  if (keys.length === 0) throw refusal(action.url, "there are none");
  return applyAuthorizeKeys({ ...action, keys }, root);
}

function refusal(url: string, why: string): Fault {
  return new Fault("SOURCE_FAILED", `Cannot import ssh keys from ${url}: ${why}`);
}
