import { Fault } from "#base/fault.ts";
import type { Random } from "#base/random.ts";
import { KeysError } from "#keys/core/keys-error.ts";
import type { Keys } from "#keys/keys.ts";

/** Where keys with a time to live are: apart from those whose answers are checked one by one. */
export const EXPIRING = "/ending";
const KEYS = 20;

/** Writes, refreshes or removes a key that ends within `ttlMaxSeconds`; whether that worked does not matter. */
export async function touchExpiring(
  keys: Keys,
  random: Random,
  ttlMaxSeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const key = `${EXPIRING}/${Math.floor(random() * KEYS)}`;
  const ttlSeconds = 1 + Math.floor(random() * ttlMaxSeconds);
  const dice = random();
  try {
    if (dice < 0.7) await keys.set(key, "value", { ttlSeconds }, signal);
    else if (dice < 0.9) await keys.set(key, undefined, { ttlSeconds, refresh: true }, signal);
    else await keys.delete(key, {}, signal);
  } catch (error) {
    if (!signal.aborted && !(error instanceof Fault) && !(error instanceof KeysError)) throw error;
  }
}

/** What is still there, by a plain read. */
export async function listExpiring(keys: Keys, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const { event } = await keys.get(EXPIRING, {}, signal);
    return (event.node.nodes ?? []).map((node) => node.key);
  } catch (error) {
    if (error instanceof KeysError && error.code === 100) return [];
    throw error;
  }
}
