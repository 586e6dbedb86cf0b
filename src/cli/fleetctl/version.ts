import { VERSION } from "#cli/keelson/help.ts";
import { inJson, printJson } from "./json.ts";
import type { Session } from "./session.ts";

const FLEET_VERSION = "1.0.0"; // the release of fleet whose interface this program offers

/** Ours is build metadata, as in semver.org: scripts that compare versions pass over it. */
export async function runVersion(session: Session): Promise<number> {
  const version = `${FLEET_VERSION}+keelson.${VERSION}`;
  if (inJson(session))
    printJson(session, [{ program: "fleetctl", version, fleet: FLEET_VERSION, keelson: VERSION }]);
  else session.out(`fleetctl version ${version}`);
  return 0;
}
