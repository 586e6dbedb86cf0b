/** Where Keelson stands inside a container; its commands are links in /usr/bin. */
export const KEELSON_INSIDE = "/usr/lib/keelson";

/** `bin/keelson` as a container's units call it. */
export const PROGRAM_INSIDE = "/usr/bin/keelson";

/** CoreOS's id of the user `core`. */
export const CORE_ID = 500;

const SUITE = "bookworm";

/** What units, people and other tools of a machine count on. */
const PACKAGES = [
  "ca-certificates",
  "curl",
  "dbus",
  "etcd-server", // a store of several servers keeps its log in it
  "iproute2",
  "iputils-ping",
  "kmod",
  "less",
  "libnss-myhostname",
  "libpam-systemd",
  "netbase",
  "openssh-server",
  "procps",
  "sudo",
  "systemd",
  "systemd-sysv",
  "vim-tiny",
];

const COMMANDS = ["keelson", "coreos-cloudinit", "etcdctl", "fleetctl"];

/** Groups that CoreOS has and cloud-configs put their users in. */
const GROUPS = ["docker", "portage", "rkt", "wheel"];

/** What Debian would run by itself: timers, another etcd, a second way to configure the network, a login on no terminal. */
const CUSTOMIZE = `set -e
cd "$1"
rm -f etc/systemd/system/timers.target.wants/* etc/ssh/ssh_host_* etc/machine-id etc/hostname
rm -f lib/systemd/system/etcd.service etc/systemd/system/multi-user.target.wants/etcd.service
rm -f etc/systemd/system/etcd2.service etc/init.d/etcd etc/rc*.d/*etcd
rm -f lib/systemd/network/80-container-*.network
mkdir -p mnt var/lib/containers var/lib/docker usr/share/coreos etc/systemd/system
mkdir -p ${KEELSON_INSIDE.slice(1)} var/log/journal
ln -sf /dev/null etc/systemd/system/console-getty.service
ln -sf /dev/null etc/systemd/system/getty@.service
ln -sf /dev/null etc/systemd/system/e2scrub_reap.service
for command in ${COMMANDS.join(" ")}; do ln -s ${KEELSON_INSIDE}/bin/$command usr/bin/$command; done
sed -i 's|^SHELL=.*|SHELL=/bin/bash|' etc/default/useradd
ln -sf vim.tiny usr/bin/vim
for group in ${GROUPS.join(" ")}; do chroot . groupadd --system -f $group; done
chroot . groupadd --gid ${CORE_ID} core
chroot . useradd --create-home --uid ${CORE_ID} --gid core --groups sudo,docker,wheel,adm,systemd-journal --shell /bin/bash --comment "CoreOS Admin" core
echo 'core:*' | chroot . chpasswd --encrypted
echo '%sudo ALL=(ALL) NOPASSWD: ALL' > etc/sudoers.d/sudo-nopasswd
chmod 0440 etc/sudoers.d/sudo-nopasswd
chroot . systemctl --quiet enable systemd-networkd.service systemd-networkd-wait-online.service ssh.service
chroot . systemctl --quiet set-default multi-user.target
`;

/**
 * The arguments of mmdebstrap(1), all but the directory, that make a container's base tree: a Debian with systemd as
 * process 1, sshd and the user `core`. Equal for equal sets of packages, however they are listed.
 */
export function baseRecipe(packages: readonly string[]): readonly string[] {
  const all = [...new Set([...PACKAGES, ...packages])].toSorted();
  return [
    "--mode=root",
    "--variant=minbase",
    "--format=directory",
    `--include=${all.join(",")}`,
    `--customize-hook=${CUSTOMIZE}`,
    SUITE,
  ];
}

/** Whether `name` can be a package's, Debian policy 5.6.1; one may name an architecture or a version too. */
export function isPackageName(name: string): boolean {
  return /^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?(=[A-Za-z0-9.+~:-]+)?$/.test(name);
}
