import { Fault } from "#base/fault.ts";

export const VERSION = "0.1.0"; // as package.json; a test compares

export const HELP = `Keelson runs Linux machines as one: a shared store, units with failover, one cloud-config.

Machines for trying and developing, on this computer; NAME is a machine, a group of them or a pattern such as 'web-*':
  keelson quickstart [--detach]      three machines and a few units, ready to play with
  keelson up [NAME...]               make and switch on machines, those of ./keelson.yaml when there is one
  keelson status [--json] [--all]    which there are and which run
  keelson ssh NAME [COMMAND...]      a shell, or one command, on a machine
  keelson ssh-config [NAME...]       what ssh(1) needs to reach them
  keelson logs NAME [-f]             a machine's boot and its journal
  keelson halt [NAME...] [--force]   switch off; --force cuts the power
  keelson reload [NAME...]           off and on again, with the user-data and settings of today
  keelson partition NAME NAME        let nothing pass between machines; \`keelson heal\` undoes it
  keelson destroy [NAME...]          remove machines with their disks, all without names
  eval "$(keelson env)"              put fleetctl and etcdctl on the PATH, pointed at these machines

Clients, also as programs of their own:
  keelson fleetctl ...               units across the machines
  keelson etcdctl ...                the shared key-value store

Daemons, as units of a machine:
  keelson etcd2, fleetd, coreos-cloudinit

Services for other machines:
  keelson discovery                  where machines that shall form a cluster find each other
  keelson server                     that, and a validator of cloud-configs, with a page for browsers

\`keelson help COMMAND\` says more. Version ${VERSION}.
`;

const PROJECT = `  --project FILE     the project file; else keelson.yaml in this directory or the nearest one above
`;

const TOPICS: Readonly<Record<string, string>> = {
  quickstart: `keelson quickstart [--detach] [--servers N] [--user-data FILE] [--network A.B.C] [--provider NAME]

Brings up core-01, core-02 and core-03 from examples/quickstart/user-data, starts the example units and
says what to try next. It stays in the foreground and Ctrl-C shuts the machines down; they keep what
they have, and the next start finds it. Project files are passed over.
  --detach           leaves them running
  --servers N        how many machines, from the first, hold the store (default 1): with 3, on a real etcd
                     cluster, any one of them may be lost
  --user-data FILE   the cloud-config that machines apply at boot
  --network A.B.C    first three bytes of the machines' addresses
  --provider NAME    process (default) or container, as for \`keelson up\`
`,
  up: `keelson up [NAME...] [OPTIONS]

Switches on the machines named, or all; makes what is missing, and waits until each has applied its user-data.
What there shall be is said by a project file (keelson.yaml; docs/guide-machines.md) or, without one, by options:
  --machines N       how many machines there shall be (1 to 99, default 3); more than before adds some
  --servers N        how many of them, from the first, hold the store (default 1), for a new cluster
  --user-data FILE   the user-data that machines apply at boot; kept for later boots
  --metadata [NAME:]KEY=VALUE, as often as needed
                     told to fleet by machines made now, beside role=worker (role=store for a lone server)
  --network A.B.C    first three bytes of the machines' addresses, for a new cluster; by default 127.0.1 for
                     processes and a free private network for containers
Always:
  --provider NAME    process (default): systemd's user managers, no root needed where systemd runs;
                     container: systemd-nspawn, with a disk, an address and sshd of its own, as root
${PROJECT}State is kept in /var/lib/keelson as root, else in ~/.local/state/keelson; KEELSON_STATE overrides.
`,
  status: `keelson status [NAME...] [--json] [--all]

Shows every machine, whether it runs, its address and its metadata; also those of the project file that are not made
yet, those that are no longer in it, and which run with older settings than it has.
  --json             a list of objects: name, group, state, provider, address, id, metadata, outdated, wanted
  --all              all clusters of yours on this computer instead, with their project files
${PROJECT}`,
  ssh: `keelson ssh NAME [COMMAND...]
keelson ssh NAME -c COMMAND
keelson ssh NAME -- WORDS FOR SSH...

Opens a shell on a machine as its user core, or runs one command line there and exits with its status. Words behind
a "--" are ssh's own, such as -A or -L 8080:localhost:80. Machines of the process provider run no sshd: they are
entered, and ssh's options have no effect.
`,
  "ssh-config": `keelson ssh-config [NAME...] > FILE

Prints ssh_config(5) for machines that run sshd (the container provider): \`ssh -F FILE core-01\`, scp, rsync, git and
whatever else stands on ssh then reach them by name.
${PROJECT}`,
  logs: `keelson logs NAME [-f] [-n LINES] [-u UNIT]

Shows what a machine said as it booted and its journal, also of one that is off.
  -f, --follow       go on with what comes; Ctrl-C ends it
  -n, --lines N      only the journal's last lines
  -u, --unit UNIT    only this unit's, may be given often
${PROJECT}`,
  halt: `keelson halt [NAME...] [--force]

Shuts machines down, all without names. A machine halted by name first gives its units to the others.
  -f, --force        cuts the power: every process ends at once and nobody is told
${PROJECT}`,
  reload: `keelson reload [NAME...] [--user-data FILE]

Shuts machines down and switches them on again, with the user-data, memory, folders and so on that the project file
says now. Without a project file --user-data gives them other user-data.
${PROJECT}`,
  partition: `keelson partition NAME NAME

Lets no packet pass between the machines of the first name and those of the second, in either direction, until
\`keelson heal\` or a boot of one of them. Others are not touched. For the container provider.
${PROJECT}`,
  heal: `keelson heal

Lets all running machines reach each other again.
${PROJECT}`,
  destroy: `keelson destroy [NAME...] [--force]

Ends the machines named and removes their disks; \`keelson up\` makes them anew, as other machines by the same name.
Without names, ends all machines and removes everything they had. There is no way back.
  -f, --force        machines named get no time to give their units to others
${PROJECT}`,
  env: `eval "$(keelson env)"

Prints shell commands that put keelson, fleetctl and etcdctl on the PATH and point them at these machines.
${PROJECT}`,
};

/** @throws {Fault} USAGE for an unknown command. */
export function helpOf(command: string): string {
  const topic = Object.hasOwn(TOPICS, command) ? TOPICS[command] : undefined;
  if (topic === undefined)
    throw new Fault(
      "USAGE",
      `Cannot explain "${command}": no such command; \`keelson help\` lists them`,
    );
  return topic;
}
