import { Fault } from "#base/fault.ts";

/** What the original's clients are told; Keelson's fleetd says more behind it. */
const OF_ORIGINAL = /^fleet server unable to communicate with etcd(?:: )?/;

/** An answer of 503 in Keelson's words, for commands that the original has not; no script knows its form for these. */
export function storeAway(error: Fault): Fault {
  const said = error.message.replace(OF_ORIGINAL, "");
  const sentence = said === "" ? "the fleetd that was asked cannot reach the store" : said;
  return new Fault(
    "STORE_UNAVAILABLE",
    `${sentence}. See which of its servers is down (etcdctl cluster-health), and run this again when it is back`,
    { cause: error },
  );
}
