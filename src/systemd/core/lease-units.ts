/**
 * How systemd itself holds units to a lease, with no process of ours involved. Units with LEASE_BOUND can be started only
 * while `%t/fleet-lease` is there, and are stopped when fleet-lost.target starts. The path belongs to LEASE_GATE, which
 * a timer of LEASE_TIMER's name brings up when it is armed and which goes when the timer elapses, for that starts
 * fleet-lost.target. A time that is over by then elapses at once, so whatever pauses before it, nothing runs longer.
 */
export const LEASE_GATE = "fleet-lease.service";

/** The name of the timer that ends the lease; each has another `instance`. */
export function leaseTimer(instance: string): string {
  return `fleet-lost@${instance}.timer`;
}

/** For systemd's patterns, fnmatch(3). */
export const LEASE_TIMERS = leaseTimer("*");

/** What the manager's own units say, by name. */
export const LEASE_UNITS: ReadonlyMap<string, string> = new Map([
  [
    "fleet-lost.target",
    // It goes again at once, so that the next time it starts it stops units again.
    "[Unit]\nDescription=No lease to run units by\nDefaultDependencies=no\nStopWhenUnneeded=yes\n",
  ],
  [
    "fleet-lost@.service", // what the timer starts, for a transient timer can only name its like
    "[Unit]\nDescription=End of a lease to run units by\nDefaultDependencies=no\nWants=fleet-lost.target\n[Service]\nType=oneshot\nExecStart=/bin/true\n",
  ],
  [
    LEASE_GATE,
    "[Unit]\nDescription=Lease to run units by\nDefaultDependencies=no\nConflicts=fleet-lost.target\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nRuntimeDirectory=fleet-lease\n",
  ],
]);

/** Lines of a unit's [Unit] section that bind it to the lease. */
export const LEASE_BOUND = ["Conflicts=fleet-lost.target", "AssertPathExists=%t/fleet-lease"];
