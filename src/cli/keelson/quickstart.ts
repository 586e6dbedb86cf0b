import { once } from "node:events";
import { join, resolve } from "node:path";
import { Fault } from "#base/fault.ts";
import { fleetctl } from "#cli/fleetctl/main.ts";
import { clientEnvironment } from "#cli/keelson/env.ts";
import {
  DEFAULT_NETWORK,
  installation,
  openLocalCluster,
  quickstartUserData,
} from "#cli/keelson/local.ts";
import { parseOptions } from "#cli/keelson/options.ts";
import { parseNetwork } from "#cli/keelson/up.ts";
import type { Io } from "#cli/program.ts";
import { etcdUrl, fleetUrl } from "#machines/core/base-tree.ts";
import type { Machine } from "#machines/core/machine.ts";

/** Known to the registry, so that more instances can be started from anywhere. */
const TEMPLATE = "hello@.service";
const UNITS = [
  "controller.service",
  "announce.service",
  "hello@1.service",
  "hello@2.service",
  "hello@3.service",
];

/** What `script/start` runs: from nothing to a cluster with units on it, and what to try next. */
export async function quickstart(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseOptions("quickstart", args, {
    detach: { type: "boolean", short: "d" },
    "user-data": { type: "string" },
    network: { type: "string" },
  });
  const userData = values["user-data"];
  const examples = join(installation(io), "examples/quickstart");
  const { cluster } = openLocalCluster(io);
  const network = parseNetwork(values.network ?? DEFAULT_NETWORK);
  try {
    const machines = await cluster.up(
      {
        names: [],
        count: undefined,
        userData: userData === undefined ? undefined : resolve(io.cwd, userData),
        defaultUserData: await quickstartUserData(io, network),
        metadata: [],
        network,
      },
      io.signal,
    );
    const clientIo = {
      ...io,
      stdout: io.stderr, // progress here, the summary is the result
      cwd: examples,
      env: { ...io.env, ...clientEnvironment(machines) },
    };
    io.stderr.write("==> starting the example units\n");
    const submitted = await fleetctl(["submit", TEMPLATE], clientIo);
    if (submitted !== 0 || (await fleetctl(["start", ...UNITS], clientIo)) !== 0)
      throw new Fault("SYSTEMD_FAILED", "Cannot start the example units: see above for the reason");
    io.stdout.write(await summary(machines, io, clientIo.env));
  } catch (error) {
    if (!io.signal.aborted) throw error;
    io.stderr.write("\n==> interrupted\n");
  }
  if (values.detach === true && !io.signal.aborted) return 0;
  if (!io.signal.aborted) {
    io.stdout.write("\nCtrl-C shuts the machines down.\n");
    const alive = setInterval(() => {}, 60_000); // an idle event loop would end the process
    await once(io.signal, "abort");
    clearInterval(alive);
  }
  await cluster.halt([], false, new AbortController().signal);
  io.stdout.write(
    "The machines are halted and keep what they have; start them again, or remove them with `bin/keelson destroy`.\n",
  );
  return 0;
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
  eval "$(${installation(io)}/bin/keelson env)"   # once in each shell: fleetctl and etcdctl on the PATH
  fleetctl list-units
  etcdctl set /topic coreos && etcdctl get /topic
  fleetctl journal -f hello@1
  keelson halt core-02 --force                    # cut a machine's power, then watch: fleetctl list-units
  keelson up core-02                              # and bring it back
`;
}
