import type { Clock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { ControlGroup, systemdHierarchies } from "#machines/control-group.ts";
import type { MachineGroup } from "#machines/machine-group.ts";

const ENTER = 'echo $$ > "$1"; shift; exec "$@"';

/** A control group of our own making, on a computer where no systemd owns the tree. */
export class OwnGroup implements MachineGroup {
  readonly isLent = false;
  readonly #path: string;
  readonly #below: string;
  readonly #clock: Clock;

  /**
   * @param below where in the group its processes begin. The default is for managers of users: journald tells user
   * units by the `user@` part of a path (cg_path_get_user_unit, systemd src/basic/cgroup-util.c).
   */
  constructor(name: string, clock: Clock, below = "user@0.service") {
    this.#path = `${name}.slice`;
    this.#below = below;
    this.#clock = clock;
  }

  async command(argv: readonly string[]): Promise<readonly string[]> {
    const files = await this.#create();
    return files.reduce((inner, file) => ["sh", "-ec", ENTER, "sh", file, ...inner], argv);
  }

  async processes(): Promise<readonly number[]> {
    return (await this.#group()).processes();
  }

  async kill(signal: AbortSignal): Promise<void> {
    await (await this.#group()).kill(this.#clock, signal);
  }

  async remove(): Promise<void> {
    await (await this.#group()).remove();
  }

  async #create(): Promise<readonly string[]> {
    try {
      const files = await (await this.#group()).create(this.#below);
      if (files.length > 0) return files;
    } catch (cause) {
      throw refused(reasonOf(cause), cause);
    }
    throw refused("no hierarchy of systemd's is mounted below /sys/fs/cgroup");
  }

  async #group(): Promise<ControlGroup> {
    return new ControlGroup(await systemdHierarchies(), this.#path);
  }
}

function refused(reason: string, cause?: unknown): Fault {
  return new Fault(
    "SYSTEMD_MISSING",
    `Cannot make machines: no control group to be had: ${reason}; run as root, in a container with --privileged, or on a computer that systemd booted`,
    { cause },
  );
}
