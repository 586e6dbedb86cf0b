/**
 * The first process of a container, as sh(1) runs it; it becomes systemd-nspawn(1), whose options are its arguments.
 * Environment: TREE, UPPER, WORK, ROOT (the overlay's directories), PATH.
 *
 * All it mounts lies in a namespace of its own and goes with it. What systemd-nspawn would leave in the computer's
 * /run (locks, directories for propagating mounts) does too.
 */
export const CONTAINER_BOOT_SCRIPT = `
exec unshare --mount --propagation=private -- sh -e -c '
  mount -n -t overlay overlay -o "lowerdir=$TREE,upperdir=$UPPER,workdir=$WORK,index=off,metacopy=off" "$ROOT"
  hidden=/run/systemd
  [ -d "$hidden" ] || hidden=/run
  mount -n -t tmpfs -o mode=755,nosuid,nodev tmpfs "$hidden"
  exec systemd-nspawn "$@"
' sh "$@"
`;
