import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import type { Clock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import { ControlGroup, systemdHierarchies } from "#machines/control-group.ts";
import type { MachineGroup } from "#machines/machine-group.ts";

const run = promisify(execFile);

const FORGET_LIMIT_MS = 10_000;
const POLL_MS = 20;

/**
 * A control group lent by the systemd that booted this computer: such a host owns the tree and must be asked for a
 * part of it (Delegate=, systemd.resource-control(5)). Root asks the system's manager, others their own.
 */
export class HostScope implements MachineGroup {
  readonly isLent = true;
  readonly #name: string;
  readonly #clock: Clock;
  readonly #manager: readonly string[];
  readonly #env: Readonly<Record<string, string | undefined>>;
  readonly #properties: readonly string[];

  /** @param properties of the scope beside those it needs, systemd.resource-control(5). */
  constructor(
    name: string,
    clock: Clock,
    env: Readonly<Record<string, string | undefined>>,
    properties: readonly string[] = [],
  ) {
    this.#properties = properties;
    this.#name = `${name}.scope`;
    this.#clock = clock;
    const uid = process.getuid?.() ?? 0;
    this.#manager = uid === 0 ? [] : ["--user"];
    this.#env = {
      PATH: env["PATH"],
      // `su` and cron set neither; systemd's own default is the same (user_runtime_dir, pam_systemd(8))
      XDG_RUNTIME_DIR: env["XDG_RUNTIME_DIR"] ?? `/run/user/${uid}`,
      DBUS_SESSION_BUS_ADDRESS: env["DBUS_SESSION_BUS_ADDRESS"],
    };
  }

  /** Whether this computer was booted by systemd, sd_booted(3). */
  static isNeeded(): boolean {
    return existsSync("/run/systemd/system");
  }

  async command(argv: readonly string[]): Promise<readonly string[]> {
    await this.#path(); // tells what is wrong before anything is begun
    const env = Object.entries(this.#env)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key}=${value}`);
    return [
      "env",
      ...env,
      "systemd-run",
      ...this.#manager,
      "--scope",
      "--quiet",
      "--collect",
      `--unit=${this.#name}`,
      "--description=A machine of Keelson",
      "--property=Delegate=yes",
      ...this.#properties.map((property) => `--property=${property}`),
      "--",
      ...argv,
    ];
  }

  async processes(): Promise<readonly number[]> {
    return (await this.#group()).processes();
  }

  async kill(signal: AbortSignal): Promise<void> {
    await (await this.#group()).kill(this.#clock, signal);
    const endMs = this.#clock.monotonicMs() + FORGET_LIMIT_MS;
    while ((await this.#path()) !== undefined) {
      if (this.#clock.monotonicMs() > endMs)
        throw new Fault(
          "SYSTEMD_FAILED",
          `Cannot give ${this.#name} back: it is empty, but this computer's systemd keeps it; see \`systemctl ${[...this.#manager, "status", this.#name].join(" ")}\``,
        );
      await this.#clock.sleep(POLL_MS, signal);
    }
  }

  /** systemd removes it by itself once it is empty. */
  async remove(): Promise<void> {}

  async #group(): Promise<ControlGroup> {
    const path = await this.#path();
    return new ControlGroup(path === undefined ? [] : await systemdHierarchies(), path ?? "");
  }

  /** Below the hierarchy's root; undefined when there is no such scope now. */
  async #path(): Promise<string | undefined> {
    const query = ["show", "--property=ControlGroup", "--value", this.#name];
    try {
      const { stdout } = await run("systemctl", [...this.#manager, ...query], { env: this.#env });
      return stdout.trim() || undefined;
    } catch (cause) {
      throw new Fault(
        "SYSTEMD_MISSING",
        `Cannot make machines: this computer's systemd does not answer: ${reasonOf(cause).trim()}; log in as a user for whom systemd runs a session (\`loginctl enable-linger USER\` makes it do so always), or run as root`,
        { cause },
      );
    }
  }
}
