import { lookupService } from "node:dns/promises";
import { isLinkLocal } from "#base/link-local.ts";
import type { MachineFacts } from "./core/machine-facts.ts";
import { isTemplate } from "./core/template-mode.ts";

/** A name that takes longer is not found; a resolver gives up on one server after 5 s (resolv.conf(5)). */
const LOOKUP_LIMIT_MS = 10_000;
const ADDRESSES_MAX = 64;
const NAME = /^(?=.{1,253}$)[a-z\d](?:[\w-]*[a-z\d])?(?:\.[a-z\d](?:[\w-]*[a-z\d])?)*$/i; // RFC 1123

/**
 * The facts with the names of the machine's addresses, by /etc/hosts and DNS, if `userData` is a template that asks for any
 * (`reverse(…)`). An address without a name, or whose name servers do not answer in time, has none.
 */
export async function lookUpNames(
  facts: MachineFacts,
  userData: string,
  signal: AbortSignal,
): Promise<MachineFacts> {
  const { system } = facts;
  if (system === undefined || !isTemplate(userData) || !/\breverse\s*\(/.test(userData))
    return facts;
  const own = system.interfaces.flatMap(({ ipv4, ipv6 }) => [...ipv4, ...ipv6]);
  const all = [facts.publicIpv4, facts.privateIpv4, facts.publicIpv6, facts.privateIpv6];
  const wanted = new Set([...all, ...own.map(({ address }) => address)]);
  const addresses = [...wanted].filter(
    (a) => a !== undefined && !isLinkLocal(a) && a !== "127.0.0.1" && a !== "::1",
  );
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LOOKUP_LIMIT_MS)]);
  const found = await Promise.all(
    addresses
      .slice(0, ADDRESSES_MAX)
      .map(async (address) => [address, await nameOf(address!, limit)]),
  );
  signal.throwIfAborted();
  const reverseNames = Object.fromEntries(found.filter(([, name]) => name !== undefined));
  return { ...facts, system: { ...system, reverseNames } };
}

async function nameOf(address: string, signal: AbortSignal): Promise<string | undefined> {
  const { promise: ended, resolve: end } = Promise.withResolvers<undefined>();
  const onAbort = () => end(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const looked = lookupService(address, 0).then(
      ({ hostname }) => hostname.replace(/\.$/, ""),
      () => undefined,
    );
    const name = await Promise.race([looked, ended]);
    return name !== undefined && NAME.test(name) ? name : undefined;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
