import { VERSION } from "#cli/keelson/help.ts";
import type { Session } from "./session.ts";

const FLEET_VERSION = "1.0.0"; // the release of fleet whose interface this program offers

/** Ours is build metadata, as in semver.org: scripts that compare versions pass over it. */
export async function runVersion({ out }: Pick<Session, "out">): Promise<number> {
  out(`fleetctl version ${FLEET_VERSION}+keelson.${VERSION}`);
  return 0;
}
