import { Fault } from "#base/fault.ts";

export const VERSION = "0.1.0"; // as package.json; a test compares

export const HELP = `Keelson runs Linux machines as one: a shared store, units with failover, one cloud-config.

Machines for trying and developing, on this computer:
  keelson quickstart [--detach]      three machines and a few units, ready to play with
  keelson up [NAME...]               make and switch on machines
  keelson status                     which there are and which run
  keelson shell NAME [-- COMMAND]    a shell, or one command, inside a machine
  keelson halt [NAME...] [--force]   switch off; --force cuts the power
  keelson destroy                    remove them all
  eval "$(keelson env)"              put fleetctl and etcdctl on the PATH, pointed at these machines

Clients, also as programs of their own:
  keelson fleetctl ...               units across the machines
  keelson etcdctl ...                the shared key-value store

Daemons, as units of a machine:
  keelson etcd2, fleetd, coreos-cloudinit

Services, on one machine for all:
  keelson server                     discovery, and a page that checks cloud-configs
  keelson discovery                  the discovery service by itself

\`keelson help COMMAND\` says more. Version ${VERSION}.
`;

const TOPICS: Readonly<Record<string, string>> = {
  quickstart: `keelson quickstart [--detach] [--servers N] [--user-data FILE] [--network A.B.C]

Brings up core-01, core-02 and core-03 from examples/quickstart/user-data, starts the example units and
says what to try next. It stays in the foreground and Ctrl-C shuts the machines down; they keep what
they have, and the next start finds it.
  --detach           leaves them running
  --servers N        how many machines, from the first, hold the store (default 1): with 3, on a real etcd
                     cluster, any one of them may be lost
  --user-data FILE   the cloud-config that machines apply at boot
  --network A.B.C    first three bytes of the machines' addresses (default 127.0.1)
`,
  up: `keelson up [NAME...] [OPTIONS]

Switches on the machines named, or all; makes what is missing (three, unless --machines says otherwise).
  --machines N       how many machines there shall be (1 to 99); more than before adds some
  --servers N        how many of them, from the first, hold the store (default 1), for a new cluster
  --user-data FILE   the cloud-config that machines apply at boot; kept for later boots
  --metadata [NAME:]KEY=VALUE, as often as needed
                     told to fleet by machines made now, beside role=worker (role=store for a lone server)
  --network A.B.C    first three bytes of the machines' addresses (default 127.0.1), for a new cluster
State is kept in /var/lib/keelson as root, else in ~/.local/state/keelson; KEELSON_STATE overrides.
`,
  status: `keelson status

Shows every machine, whether it runs, its address and its metadata.
`,
  shell: `keelson shell NAME [-- COMMAND...]

Opens a shell inside a machine, or runs one command there and exits with its status.
`,
  halt: `keelson halt [NAME...] [--force]

Shuts machines down, all without names. A machine halted by name first gives its units to the others.
With --force its power is cut: every process ends at once and nobody is told.
`,
  destroy: `keelson destroy

Ends all machines and removes everything they had. There is no way back.
`,
  env: `eval "$(keelson env)"

Prints shell commands that put keelson, fleetctl and etcdctl on the PATH and point them at these machines.
`,
};

/** @throws {Fault} USAGE for an unknown command. */
export function helpOf(command: string): string {
  const topic = TOPICS[command];
  if (topic === undefined)
    throw new Fault(
      "USAGE",
      `Cannot explain "${command}": no such command; \`keelson help\` lists them`,
    );
  return topic;
}
