import { VERSION } from "#cli/keelson/help.ts";
import { FLEET_VERSION, fleetVersion } from "#fleet/core/daemon-version.ts";
import { inJson, printJson } from "./json.ts";
import type { Session } from "./session.ts";

export async function runVersion(session: Session): Promise<number> {
  const version = fleetVersion(VERSION);
  if (inJson(session))
    printJson(session, [{ program: "fleetctl", version, fleet: FLEET_VERSION, keelson: VERSION }]);
  else session.out(`fleetctl version ${version}`);
  return 0;
}
