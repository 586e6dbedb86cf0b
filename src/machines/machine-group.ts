/** What holds all processes of one machine together: a control group, whoever owns the tree it stands in. */
export interface MachineGroup {
  /**
   * Whether it was lent by another systemd, which keeps the tree above it to itself: the machine then has to take
   * it for the whole tree (cgroup_namespaces(7)).
   */
  readonly isLent: boolean;
  /**
   * The command line that runs `argv` in the group, as the same process; the group is made by then.
   * @throws {Fault} SYSTEMD_MISSING when this computer gives us none, saying what to do.
   */
  command(argv: readonly string[]): Promise<readonly string[]>;
  /** Ids of all processes in it. */
  processes(): Promise<readonly number[]>;
  /**
   * Ends every process in it at once; resolves when none is left. No group: nothing to do.
   * @throws {Fault} SYSTEMD_FAILED when they do not end.
   */
  kill(signal: AbortSignal): Promise<void>;
  /** Removes it; nothing runs in it any more. */
  remove(): Promise<void>;
}
