import { join } from "node:path";
import { systemClock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { fleetctl } from "#cli/fleetctl/main.ts";
import { clientEnvironment } from "#cli/keelson/env.ts";
import { installation, openLocalCluster, programPath } from "#cli/keelson/local.ts";
import { parseOptions } from "#cli/keelson/options.ts";
import { wishOf } from "#cli/keelson/up.ts";
import type { Io } from "#cli/program.ts";
import { openFleetClient } from "#fleet/client.ts";
import { etcdUrl, fleetUrl } from "#machines/core/base-tree.ts";
import type { Machine } from "#machines/core/machine.ts";
import type { LocalCluster } from "#machines/local-cluster.ts";

/** Known to the registry, so that more instances can be started from anywhere. */
const TEMPLATE = "hello@.service";
const UNITS = [
  "controller.service",
  "announce.service",
  "hello@1.service",
  "hello@2.service",
  "hello@3.service",
];

const LIMIT_MS = 90_000;
const POLL_MS = 100;
/** How often it is looked whether the machines are still there. */
const LOOK_MS = 2_000;

/** What `script/start` runs: from nothing to a cluster with units on it, and what to try next. */
export async function quickstart(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseOptions("quickstart", args, "none", {
    detach: { type: "boolean", short: "d" },
    servers: { type: "string" },
    "user-data": { type: "string" },
    network: { type: "string" },
    provider: { type: "string" },
  });
  const examples = join(installation(io), "examples/quickstart");
  const local = await openLocalCluster(io, { provider: values.provider, withoutProject: true });
  const { cluster } = local;
  let isUp = false;
  try {
    const machines = await cluster.up([], await wishOf(local, values, io), io.signal);
    const clientIo = {
      ...io,
      stdout: io.stderr, // progress here, the summary is the result
      cwd: examples,
      env: { ...io.env, ...clientEnvironment(machines) },
    };
    const fleet = openFleetClient({ endpoints: machines.map(fleetUrl) });
    await until("fleet knows every machine", io.signal, async () => {
      const present = await fleet.listMachines(io.signal);
      return machines.every(({ id }) => present.some((machine) => machine.id === id));
    });
    io.stderr.write("==> starting the example units\n");
    const submitted = await fleetctl(["submit", TEMPLATE], clientIo);
    if (submitted !== 0 || (await fleetctl(["start", ...UNITS], clientIo)) !== 0)
      throw new Fault("SYSTEMD_FAILED", "Cannot start the example units: see above for the reason");
    await until("the example units are active", io.signal, async () => {
      const states = await fleet.listStates({}, io.signal);
      const isActive = (unit: string) =>
        states.some((state) => state.name === unit && state.systemdActiveState === "active");
      return UNITS.every(isActive);
    });
    io.stdout.write(await summary(machines, io, clientIo.env));
    isUp = true;
  } catch (error) {
    if (!io.signal.aborted) throw error;
    io.stderr.write("\n==> interrupted\n");
  }
  if (isUp && values.detach === true) return 0;
  if (isUp) {
    io.stdout.write("\nCtrl-C shuts the machines down.\n");
    if (!(await untilToldToEnd(cluster, io.signal))) {
      io.stdout.write("The machines were halted or destroyed from elsewhere.\n");
      return 0;
    }
  }
  io.stderr.write("==> shutting the machines down (Ctrl-C again leaves them to it)\n");
  await cluster.halt([], false, new AbortController().signal);
  io.stdout.write(
    `The machines are halted and keep what they have; start them again, or remove them with ${programPath(io)} destroy.\n`,
  );
  return isUp ? 0 : 130; // 130: ended by Ctrl-C before it was done, as shells say it
}

/** Waits for Ctrl-C; false when all machines are gone before. */
async function untilToldToEnd(cluster: LocalCluster, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (!(await cluster.status()).some(({ state }) => state === "running")) return false;
    await systemClock.sleep(LOOK_MS, signal).catch(() => {}); // aborted: told to end
  }
  return true;
}

/** Asks until it is so; a fleet that does not answer yet is asked again. */
async function until(
  what: string,
  signal: AbortSignal,
  holds: () => Promise<boolean>,
): Promise<void> {
  const endMs = systemClock.monotonicMs() + LIMIT_MS;
  for (;;) {
    let trouble = "";
    try {
      if (await holds()) return;
    } catch (error) {
      signal.throwIfAborted();
      trouble = `: ${reasonOf(error)}`;
    }
    if (systemClock.monotonicMs() > endMs)
      throw new Fault(
        "TIMED_OUT",
        `Cannot wait longer until ${what}${trouble}; look with \`keelson status\` and \`fleetctl list-units\``,
      );
    await systemClock.sleep(POLL_MS, signal);
  }
}

async function summary(machines: readonly Machine[], io: Io, env: Io["env"]): Promise<string> {
  const { Writable } = await import("node:stream");
  const chunks: string[] = [];
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  for (const command of ["list-machines", "list-units"]) {
    await fleetctl([command], { ...io, env, stdout });
    chunks.push("\n");
  }
  const [first] = machines;
  const [etcd, fleet] = first === undefined ? ["", ""] : [etcdUrl(first), fleetUrl(first)];
  return `
Keelson is running: ${machines.length} machines as one.

${chunks.join("")}The store (etcd v2 API) answers at ${etcd}, fleet's API at ${fleet}/fleet/v1.

Try next:
  eval "$(${programPath(io)} env)"   # once in each shell: fleetctl and etcdctl on the PATH
  fleetctl list-units
  etcdctl set /topic coreos && etcdctl get /topic
  etcdctl cluster-health
  fleetctl journal -f hello@1
  keelson halt core-02 --force                    # cut a machine's power, after some 6 s: fleetctl list-units
  keelson up core-02                              # and bring it back

\`keelson halt\` shuts all machines down, \`keelson destroy\` removes them.
`;
}
