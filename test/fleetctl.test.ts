import { join } from "node:path";
import { test } from "node:test";
import { FakeFleet } from "./fleetctl-api.ts";
import { follow, unitDirectory } from "./fleetctl-run.ts";
import { LIFE_SCENARIOS } from "./fleetctl-scenarios.ts";
import { TROUBLE_SCENARIOS } from "./fleetctl-trouble.ts";
import { MACHINES, UNIT_FILES } from "./fleetctl-units.ts";

for (const [name, steps] of Object.entries({ ...LIFE_SCENARIOS, ...TROUBLE_SCENARIOS }))
  test(`fleetctl prints what was recorded: ${name}`, async () => {
    await using directory = await unitDirectory(UNIT_FILES);
    await using fleet = new FakeFleet(MACHINES);
    const socket = join(directory.path, "fleet.sock");
    await fleet.listen(socket);
    await follow(steps, {
      cwd: directory.path,
      env: { FLEETCTL_ENDPOINT: `unix://${socket}` },
    });
  });
