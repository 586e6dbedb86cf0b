import type { Cluster } from "#machines/core/machine.ts";
import type { WantedMachine } from "#machines/core/plan-cluster.ts";

/** What a project file, or the command line, wants of a cluster. */
export interface Wish {
  /** Absolute path of the project file; undefined when the command line says it all. */
  readonly project: string | undefined;
  /** First three bytes of the addresses, if it matters. */
  readonly network: string | undefined;
  /** What may be amiss in the user-data, for a person to read. */
  readonly warnings: readonly string[];
  /**
   * The machines there shall be.
   * @param made the cluster so far
   * @throws {Fault} USAGE when it cannot be so.
   */
  machines(made: Cluster | undefined): readonly WantedMachine[];
  /** A discovery URL for a cluster that has none yet; undefined when none is wanted. */
  newDiscovery(signal: AbortSignal): Promise<string | undefined>;
  /** What a machine shall apply at boot; undefined leaves it what it has. */
  userData(machine: string, cluster: Cluster): UserData | undefined;
}

export interface UserData {
  readonly text: string;
  /** False: only for a machine that has none. */
  readonly replaces: boolean;
}
