/**
 * The first process of a machine of the `process` provider, as sh(1) runs it; it becomes the machine's systemd.
 * Environment: MACHINE_ROOT, MACHINE_NAME, UNSHARE (options), CGROUP_NAMESPACE (yes: the control group it is in
 * becomes the root of a namespace), SYSTEMD, JOURNALD, MACHINE_PATH, KEELSON_SOURCE (as of bin/keelson).
 *
 * All it changes lies in namespaces of its own: hostname, machine id, where logs go, and a /run/systemd in which a
 * systemd runs, so that neither the host nor another machine sees anything of it; `mount -n` spares the host's
 * /run/mount, where only its root may write. The unit tree comes under `user@0.service`, since journald tells user
 * units by that part of a path (cg_path_get_user_unit, systemd).
 */
export const BOOT_SCRIPT = `
exec unshare $UNSHARE -- sh -e -c '
  if [ "$CGROUP_NAMESPACE" = yes ]; then
    mount -n -t tmpfs none /sys/fs/cgroup # the kernel refuses cgroup2 directly over itself
    mount -n -t cgroup2 none /sys/fs/cgroup
    mkdir -p /sys/fs/cgroup/user@0.service
    echo $$ > /sys/fs/cgroup/user@0.service/cgroup.procs
  fi
  hostname "$MACHINE_NAME"
  new="$MACHINE_ROOT/run/host-systemd"
  mkdir -p "$new"
  mount -n -t tmpfs -o mode=755,nosuid,nodev tmpfs "$new"
  mkdir -p "$new/system" "$new/journal" "$new/journald.conf.d"
  : > "$new/journal/flushed"
  cp "$MACHINE_ROOT/etc/systemd/journald.conf" "$new/journald.conf.d/zz-machine.conf"
  if [ -d /run/systemd/resolve ]; then # where /etc/resolv.conf leads with systemd-resolved(8)
    mkdir "$new/resolve"
    mount -n --bind /run/systemd/resolve "$new/resolve"
  fi
  [ -d /run/systemd ] || { mount -n -t tmpfs -o mode=755,nosuid,nodev tmpfs /run; mkdir /run/systemd; }
  mount -n --move "$new" /run/systemd
  [ -d /run/log ] || [ ! -w /run ] || mkdir -p /run/log
  [ ! -d /run/log ] || mount -n -t tmpfs -o mode=755,size=64m,nosuid,nodev tmpfs /run/log # for when the disk is full
  mount -n --bind "$MACHINE_ROOT/var/log" /var/log
  mount -n --bind "$MACHINE_ROOT/etc/machine-id" /etc/machine-id
  [ ! -e /etc/hostname ] || mount -n --bind "$MACHINE_ROOT/etc/hostname" /etc/hostname
  "$JOURNALD" &
  for attempt in $(seq 200); do [ -S /run/systemd/journal/stdout ] && break; sleep 0.02; done
  cd "$MACHINE_ROOT/home/core"
  exec env -i PATH="$MACHINE_PATH" HOME="$MACHINE_ROOT/home/core" LANG=C.UTF-8 \\
    XDG_RUNTIME_DIR="$MACHINE_ROOT/run" XDG_CONFIG_HOME="$MACHINE_ROOT/etc" \\
    KEELSON_ROOT="$MACHINE_ROOT" KEELSON_SOURCE="$KEELSON_SOURCE" \\
    SYSTEMD_UNIT_PATH="$MACHINE_ROOT/etc/systemd/user:$MACHINE_ROOT/etc/systemd/system:$MACHINE_ROOT/run/systemd/system:$MACHINE_ROOT/run/systemd/user:$MACHINE_ROOT/run/systemd/transient:$MACHINE_ROOT/usr/lib/systemd/system:/usr/lib/systemd/user" \\
    "$SYSTEMD" --user --unit=multi-user.target --log-target=journal
'
`;
