import { Fault, reasonOf } from "#base/fault.ts";

const LIMIT_MS = 20_000;
const ANSWER_CHARACTERS_MAX = 2_000;

/**
 * Asks a discovery service for the URL of a new cluster.
 * @param service such as `http://10.0.0.1:8087/new`, perhaps with `?size=N`; else `size` members are asked for.
 * @throws {Fault} DISCOVERY_REFUSED
 */
export async function newDiscoveryUrl(
  service: string,
  size: number,
  signal: AbortSignal,
): Promise<string> {
  const url = service.includes("?size=") ? service : `${service}?size=${size}`;
  const refused = (why: string, cause?: unknown) =>
    new Fault(
      "DISCOVERY_REFUSED",
      `Cannot get a new discovery URL from ${url}: ${why}; is the service there? \`keelson discovery\` starts one`,
      { cause },
    );
  let answer: string;
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]),
    });
    answer = (await response.text()).slice(0, ANSWER_CHARACTERS_MAX).trim();
    if (!response.ok) throw new Error(`it answers ${response.status}: ${answer}`);
  } catch (error) {
    signal.throwIfAborted();
    const { cause } = error as { cause?: unknown }; // fetch() itself only says that it failed
    throw refused(reasonOf(cause ?? error), error);
  }
  if (!/^https?:\/\/\S+$/.test(answer)) throw refused(`it answers "${answer}", which is no URL`);
  return answer;
}
