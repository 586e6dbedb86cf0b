/**
 * The first process of a container, as sh(1) runs it; it becomes systemd-nspawn(1), whose options are its arguments.
 * Environment: TREE, UPPER, WORK, ROOT (the overlay's directories), PATH.
 *
 * All it mounts lies in a namespace of its own and goes with it. What systemd-nspawn would leave in the computer's
 * /run/systemd (locks, directories for propagating mounts) does too.
 */
export const CONTAINER_BOOT_SCRIPT = `
exec unshare --mount --propagation=private -- sh -e -c '
  mount -n -t overlay overlay -o "lowerdir=$TREE,upperdir=$UPPER,workdir=$WORK,index=off,metacopy=off" "$ROOT"
  mkdir -p /run/systemd
  mount -n -t tmpfs -o mode=755,nosuid,nodev tmpfs /run/systemd
  exec systemd-nspawn "$@"
' sh "$@"
`;
