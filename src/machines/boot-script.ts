/**
 * The first process of a machine of the `process` provider, as sh(1) runs it; it becomes the machine's systemd.
 * Environment: MACHINE_ROOT, MACHINE_NAME, CGROUP_PROCS (files to enter the control groups by), UNSHARE (options),
 * CGROUP_NAMESPACE (yes: the control group entered becomes the root of a namespace), SYSTEMD, JOURNALD, MACHINE_PATH.
 *
 * All it changes lies in namespaces of its own: hostname, machine id, /var/log, and a /run/systemd in which a
 * systemd runs, so that neither the host nor another machine sees anything of it. The unit tree comes under
 * `user@0.service`, since journald tells user units by that part of a path (cg_path_get_user_unit, systemd).
 */
export const BOOT_SCRIPT = `
set -e
for file in $CGROUP_PROCS; do echo $$ > "$file"; done
exec unshare $UNSHARE -- sh -e -c '
  if [ "$CGROUP_NAMESPACE" = yes ]; then
    mount -t cgroup2 none /sys/fs/cgroup
    mkdir -p /sys/fs/cgroup/user@0.service
    echo $$ > /sys/fs/cgroup/user@0.service/cgroup.procs
  fi
  hostname "$MACHINE_NAME"
  if [ -d /run/systemd ]; then at=/run/systemd; else at=/run; fi
  mount -t tmpfs -o mode=755,nosuid,nodev tmpfs $at
  mkdir -p /run/systemd/system /run/systemd/journal
  : > /run/systemd/journal/flushed
  mount --bind "$MACHINE_ROOT/var/log" /var/log
  for file in machine-id hostname systemd/journald.conf; do
    [ ! -e /etc/$file ] || mount --bind "$MACHINE_ROOT/etc/$file" /etc/$file
  done
  "$JOURNALD" &
  for attempt in $(seq 200); do [ -S /run/systemd/journal/stdout ] && break; sleep 0.02; done
  cd "$MACHINE_ROOT/home/core"
  exec env -i PATH="$MACHINE_PATH" HOME="$MACHINE_ROOT/home/core" LANG=C.UTF-8 \\
    XDG_RUNTIME_DIR="$MACHINE_ROOT/run" KEELSON_ROOT="$MACHINE_ROOT" \\
    SYSTEMD_UNIT_PATH="$MACHINE_ROOT/etc/systemd/system:$MACHINE_ROOT/run/systemd/system:$MACHINE_ROOT/run/systemd/user:$MACHINE_ROOT/run/systemd/transient:$MACHINE_ROOT/usr/lib/systemd/system:/usr/lib/systemd/user" \\
    "$SYSTEMD" --user --unit=multi-user.target --log-target=journal
'
`;
