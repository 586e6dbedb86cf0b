import { test } from "node:test";
import { openFleet } from "./fleetctl-fleet.ts";
import { follow, unitDirectory } from "./fleetctl-run.ts";
import { LIFE_SCENARIOS } from "./fleetctl-scenarios.ts";
import { TROUBLE_SCENARIOS } from "./fleetctl-trouble.ts";
import { MACHINES, UNIT_FILES } from "./fleetctl-units.ts";

for (const [name, steps] of Object.entries({ ...LIFE_SCENARIOS, ...TROUBLE_SCENARIOS }))
  test(`fleetctl with fleetd prints what was recorded: ${name}`, async () => {
    await using directory = await unitDirectory(UNIT_FILES);
    await using fleet = await openFleet(directory.path, MACHINES);
    await follow(steps, { cwd: directory.path, env: { FLEETCTL_ENDPOINT: fleet.endpoint } });
  });
