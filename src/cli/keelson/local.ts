import { join } from "node:path";
import { systemClock } from "#base/clock.ts";
import { Fault } from "#base/fault.ts";
import type { Io } from "#cli/program.ts";
import { LocalCluster, readUserData } from "#machines/local-cluster.ts";
import { ProcessProvider } from "#machines/process-provider.ts";
import { defaultStateDirectory, StateDirectory } from "#machines/state-directory.ts";

/** The directory with bin/ and examples/, told by bin/keelson. */
export function installation(io: Io): string {
  const home = io.env["KEELSON_HOME"];
  if (home === undefined)
    throw new Fault(
      "USAGE",
      "Cannot find my own files: start me by bin/keelson, or set KEELSON_HOME",
    );
  return home;
}

/** `bin/keelson`, as units and machines call it. */
export function programPath(io: Io): string {
  return join(installation(io), "bin/keelson");
}

export const DEFAULT_NETWORK = "127.0.1";

/** The quickstart's user-data, its addresses those of `network`. @throws {Fault} FILE_UNREADABLE */
export async function quickstartUserData(io: Io, network: string): Promise<string> {
  const text = await readUserData(join(installation(io), "examples/quickstart/user-data"));
  return text.replaceAll(`${DEFAULT_NETWORK}.`, `${network}.`);
}

/** The cluster on this computer, telling its progress on stderr. */
export function openLocalCluster(io: Io) {
  const state = new StateDirectory(defaultStateDirectory(io.env));
  const provider = new ProcessProvider({
    state,
    program: programPath(io),
    clock: systemClock,
    env: io.env,
  });
  const report = (machine: string, what: string) =>
    void io.stderr.write(`==> ${machine}: ${what}\n`);
  const cluster = new LocalCluster({ state, provider, clock: systemClock, report });
  return { state, provider, cluster };
}
