import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { Fault, reasonOf } from "#base/fault.ts";

const run = promisify(execFile);

/**
 * A control group lent by the systemd that booted this computer: such a host owns the tree and must be asked for a
 * part of it (Delegate=, systemd.resource-control(5)). Root asks the system's manager, others their own.
 */
export class HostScope {
  readonly #name: string;
  readonly #manager: readonly string[];
  readonly #env: Record<string, string>;

  constructor(name: string, env: Readonly<Record<string, string | undefined>>) {
    this.#name = `${name}.scope`;
    this.#manager = process.getuid?.() === 0 ? [] : ["--user"];
    this.#env = {};
    for (const key of ["PATH", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"]) {
      const value = env[key];
      if (value !== undefined) this.#env[key] = value;
    }
  }

  /** Whether this computer was booted by systemd, sd_booted(3). */
  static isNeeded(): boolean {
    return existsSync("/run/systemd/system");
  }

  /** A command line that runs `argv` in the scope, as the same process. */
  command(argv: readonly string[]): readonly string[] {
    return [
      "systemd-run",
      ...this.#manager,
      "--scope",
      "--quiet",
      "--collect",
      `--unit=${this.#name}`,
      "--property=Delegate=yes",
      "--",
      ...argv,
    ];
  }

  /** Its path below the hierarchy's root; undefined when there is none now. */
  async path(): Promise<string | undefined> {
    const query = ["show", "--property=ControlGroup", "--value", this.#name];
    try {
      const { stdout } = await run("systemctl", [...this.#manager, ...query], { env: this.#env });
      return stdout.trim() || undefined;
    } catch (cause) {
      throw new Fault(
        "SYSTEMD_MISSING",
        `Cannot make machines: this computer's systemd does not answer: ${reasonOf(cause)}; log in as a user with a session of systemd's, or run as root`,
        { cause },
      );
    }
  }
}
