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
  /** The manager that a machine's units run under: `systemctl --user` there, or plain `systemctl`. */
  readonly manager: "user" | "system";
  /** First three bytes of a new cluster's addresses when none are asked for, such as `127.0.1`. */
  defaultNetwork(): Promise<string>;
  /** Whether a machine has user-data from an earlier `up`. */
  hasUserData(name: string): Promise<boolean>;
  /** Puts user-data where the machine's next boot applies it, also while it runs. @throws {Fault} FILE_UNWRITABLE */
  writeUserData(name: string, text: string): Promise<void>;
  /**
   * Whether this computer has what the machine needs to boot; changes nothing, and what it cannot tell `boot` does.
   * @throws {Fault} SYSTEMD_MISSING, FILE_UNREADABLE for a folder that is not there, ADDRESS_IN_USE
   */
  check(machine: Machine): Promise<void>;
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
  /** The command line, for this computer, that runs `argv` inside the running machine as its root. */
  commandIn(name: string, argv: readonly string[]): Promise<readonly string[]>;
  /** Where on this computer a machine's logs are, also while it is off; there may be none yet. */
  logs(name: string): MachineLogs;
  /** How ssh(1) reaches a machine. @throws {Fault} USAGE for machines that run no sshd. */
  sshAccess(machine: Machine): Promise<SshAccess>;
  /**
   * Lets no packet pass between the two running machines, in either direction, until `heal` or a boot of either.
   * @throws {Fault} USAGE when these machines share this computer's network.
   */
  partition(a: Machine, b: Machine): Promise<void>;
  /** Undoes every partition among these running machines. */
  heal(machines: readonly Machine[]): Promise<void>;
}

export interface MachineLogs {
  /** A file with what its last boot said before its journal was there. */
  readonly console: string;
  /** A directory as `journalctl --directory` takes it. */
  readonly journal: string;
}

/** What ssh_config(5) needs to log in without a question. */
export interface SshAccess {
  readonly user: string;
  /** Address or name. */
  readonly host: string;
  readonly port: number;
  /** Private key; only its owner may read it. */
  readonly identityFile: string;
  readonly knownHostsFile: string;
}
