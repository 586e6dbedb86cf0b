import type { Machine } from "#machines/core/machine.ts";

export interface HaltOptions {
  /**
   * Give the machine's fleet units to others before it goes; false when the whole cluster is shut down, where
   * they would only wander from one leaving machine to the next.
   */
  readonly leave: boolean;
}

/** One way of having machines on this computer: private systemd managers, containers, virtual machines. */
export interface Provider {
  /** As `keelson status` shows it. */
  readonly name: string;
  /**
   * Switches a machine on: from its tree, with its user-data applied at boot. Resolves once its systemd answers;
   * when it does not, or `signal` aborts first, the machine is off again.
   * @throws {Fault} SYSTEMD_MISSING when this computer cannot have such machines, saying what to do.
   */
  boot(machine: Machine, signal: AbortSignal): Promise<void>;
  /** Whether it is on and its systemd answers; false in the midst of a boot. */
  isRunning(name: string): Promise<boolean>;
  /** Shuts down in order: units stop, fleet is left, the store closes. */
  halt(name: string, options: HaltOptions, signal: AbortSignal): Promise<void>;
  /**
   * Cuts the power: every process ends at once, nothing is told to anyone. Also ends what a boot that was cut off
   * left, and does nothing for a machine that is off.
   */
  cutPower(name: string, signal: AbortSignal): Promise<void>;
  /** Removes what the provider made for a machine that is off, its disk too. */
  remove(name: string): Promise<void>;
  /** The command line, for this computer, that runs `argv` inside the running machine. */
  commandIn(name: string, argv: readonly string[]): Promise<readonly string[]>;
}
