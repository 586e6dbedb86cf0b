import { join } from "node:path";
import { FakeFleet } from "./fleetctl-api.ts";
import { follow, type RunOptions, type Step, unitDirectory } from "./fleetctl-run.ts";
import { MACHINES, UNIT_FILES } from "./fleetctl-units.ts";

export interface Bench extends AsyncDisposable {
  readonly fleet: FakeFleet;
  readonly options: RunOptions & { readonly env: Readonly<Record<string, string>> };
  readonly follow: (steps: readonly Step[]) => Promise<void>;
}

/** A fake fleet and a directory with the unit files. */
export async function openBench(): Promise<Bench> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await unitDirectory(UNIT_FILES));
  const fleet = stack.use(new FakeFleet(MACHINES));
  const socket = join(directory.path, "fleet.sock");
  await fleet.listen(socket);
  const options = { cwd: directory.path, env: { FLEETCTL_ENDPOINT: `unix://${socket}` } };
  const owned = stack.move();
  return {
    fleet,
    options,
    follow: (steps) => follow(steps, options),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
