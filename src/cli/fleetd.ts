import { setTimeout as sleep } from "node:timers/promises";
import { Fault } from "#base/fault.ts";
import { notifyReady } from "#base/notify.ts";
import { VERSION } from "#cli/keelson/help.ts";
import type { Io, Program } from "#cli/program.ts";
import type { FleetMachine } from "#fleet/fleet-machine.ts";
import { type FleetSettings, readFleetSettings } from "#fleet/settings.ts";

const HELP = `Usage: keelson fleetd [--config FILE] [--KEY=VALUE]...
       keelson fleetd leave
Runs fleet's engine, agent and API on this machine. Each setting is read from the command line, else from the
environment as FLEET_ and its name in capitals, else from FILE, by default etc/fleet/fleet.conf in the machine's root:

  etcd_servers               URLs of the store; default http://127.0.0.1:2379,http://127.0.0.1:4001
  etcd_request_timeout       seconds that one request may take; default 5.0
  etcd_key_prefix            where fleet keeps everything; default /_coreos.com/fleet
  etcd_cafile, etcd_certfile, etcd_keyfile
  etcd_username, etcd_password
  public_ip                  told to others
  metadata                   KEY=VALUE,... that units may ask for
  agent_ttl                  how long this machine may be silent before its units move; default 6s
  engine_reconcile_interval  seconds until the engine looks at everything after a change; default 2
  disable_engine             true: never lead
  token_limit                entries of a page of the API; default 100
  units_directory            default run/fleet/units
  api_listen                 unix://PATH,http://HOST:PORT; default unix://run/fleet.sock
  api_exec                   run commands for: cluster, all, none
  api_advertise              http://HOST:PORT at which other machines reach this API
  memory, cpus               what this machine has for units, such as 8G and 4; default what there is
  verbosity                  1 or 2: log more

Stopping fleetd stops no unit. \`leave\` makes this machine's fleetd stop its units and leave the cluster, so that they
run elsewhere; starting fleetd again brings it back. $KEELSON_ROOT is the machine's root directory, by default /.
`;

/** Less than the minute that systemd gives a unit to stop by default settings of machines. */
const LEAVE_MS = 55_000;

export const fleetd: Program = async (args, io) => {
  const { command, configFile, flags } = parseArguments(args);
  const root = io.env["KEELSON_ROOT"] ?? "/";
  switch (command) {
    case "help":
      io.stdout.write(HELP);
      return 0;
    case "version":
      io.stdout.write(`fleetd version ${VERSION}\n`);
      return 0;
    case "leave":
    case "run": {
      const settings = await readFleetSettings({ root, configFile, flags, env: io.env });
      await (command === "leave" ? leave(root, settings, io) : run(root, settings, io));
      return 0;
    }
    default:
      return command satisfies never;
  }
};

/** So long at most units that are ordered after fleetd wait for the machine to be on record; the store may be away. */
const REGISTERED_MS = 5_000;

async function run(root: string, settings: FleetSettings, io: Io): Promise<void> {
  const { runFleetd } = await import("#fleet/run-fleetd.ts");
  let dump = () => {};
  const onUsr1 = () => dump();
  process.on("SIGUSR1", onUsr1);
  const onListening = async (machine: FleetMachine) => {
    dump = () => io.stdout.write(`${describe(machine)}\n`);
    const limit = sleep(REGISTERED_MS, undefined, { signal: io.signal, ref: false });
    await Promise.race([machine.registered, limit.catch(() => {})]);
    if (!io.signal.aborted) await notifyReady({ ...io.env });
  };
  try {
    await runFleetd({ root, settings, version: VERSION, env: io.env, onListening }, io.signal);
  } finally {
    process.off("SIGUSR1", onUsr1);
  }
}

async function leave(root: string, settings: FleetSettings, io: Io): Promise<void> {
  const { readMachineId } = await import("#fleet/run-fleetd.ts");
  const { openFleetClient } = await import("#fleet/client.ts");
  const endpoints = settings.api_listen.map((address) =>
    address.kind === "unix" ? `unix://${address.path}` : `http://${address.host}:${address.port}`,
  );
  const signal = AbortSignal.any([io.signal, AbortSignal.timeout(LEAVE_MS)]);
  await openFleetClient({ endpoints }).leave(await readMachineId(root), signal);
}

/** What this daemon knows, in one line of JSON. */
function describe({ machine, leads, isRegistered, conflict, feed, agent }: FleetMachine): string {
  const units = (agent.units?.names ?? []).map((name) => ({ name, ...agent.units?.get(name) }));
  return JSON.stringify({
    machine: machine.id,
    leads,
    isRegistered,
    conflict,
    store: feed.state,
    trouble: feed.trouble() ?? null,
    held: Object.fromEntries(feed.verdict().held),
    restoredIndex: feed.restored.index ?? null,
    memory: process.memoryUsage(),
    machines: [...feed.model.machines.keys()],
    jobs: feed.model.jobs.size,
    problems: Object.fromEntries(feed.model.problems),
    units,
  });
}

interface Arguments {
  readonly command: "run" | "leave" | "version" | "help";
  readonly configFile: string | undefined;
  readonly flags: Readonly<Record<string, string>>;
}

/** Flags with one or two dashes, their value after `=` or as the next argument. */
function parseArguments(args: readonly string[]): Arguments {
  let command: Arguments["command"] = "run";
  const flags: Record<string, string> = {};
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const [, name, value] = /^--?([a-z][a-z0-9_]*)(?:=(.*))?$/s.exec(arg) ?? [];
    if (arg === "leave" || arg === "version" || arg === "help") command = arg;
    else if (name === "help" || name === "h") command = "help";
    else if (name === "version") command = "version";
    else if (name === undefined)
      throw new Fault(
        "USAGE",
        `Cannot use argument "${arg}": fleetd takes only flags, "leave" and "version"; fleetctl takes commands about units`,
      );
    else {
      const given = value ?? args[++i];
      if (given === undefined) throw new Fault("USAGE", `Cannot use --${name}: it needs a value`);
      flags[name] = given;
    }
  }
  const { config, ...others } = flags;
  return { command, configFile: config, flags: others };
}
