import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Clock } from "#base/clock.ts";
import { Fault, reasonOf } from "#base/fault.ts";
import type { Provider } from "#machines/provider.ts";

const run = promisify(execFile);

const CLOUDINIT = "coreos-cloudinit.service";
const CONFIGURED_LIMIT_MS = 120_000;
const OFF_LIMIT_MS = 150_000; // a shutdown ends what does not stop after DefaultTimeoutStopSec of 90 s
/** A manager that comes up or goes down hangs up on some: its socket is there before it listens. */
const ANSWER_LIMIT_MS = 10_000;
const POLL_MS = 50;

/** What a machine's own systemd says of how far its boot is. */
export class MachineBoot {
  readonly #provider: Provider;
  readonly #clock: Clock;

  constructor(provider: Provider, clock: Clock) {
    this.#provider = provider;
    this.#clock = clock;
  }

  /** Whether its user-data could not be applied. */
  async hasFailed(name: string, signal: AbortSignal): Promise<boolean> {
    const [, cloudinit] = await this.#activeStates(name, signal);
    return cloudinit === "failed";
  }

  /** Has it apply its user-data again. */
  async configureAgain(name: string, signal: AbortSignal): Promise<void> {
    await this.#runIn(name, [...this.#systemctl(), "--no-block", "restart", CLOUDINIT], signal);
    await this.#clock.sleep(POLL_MS, signal); // until the new attempt replaces the failed one
  }

  /**
   * Waits until it has applied its user-data. multi-user.target comes after the unit that does so, and that one after
   * the units it starts.
   * @param sinceMs wall time from which its journal tells of this boot.
   * @throws {Fault} CLOUD_CONFIG_INVALID with what its journal says, TIMED_OUT, SYSTEMD_FAILED
   */
  async untilConfigured(name: string, sinceMs: number, signal: AbortSignal): Promise<void> {
    const endMs = this.#clock.monotonicMs() + CONFIGURED_LIMIT_MS;
    for (;;) {
      const [target, cloudinit] = await this.#activeStates(name, signal);
      if (cloudinit === "failed") throw await this.#configurationFailure(name, sinceMs, signal);
      if (target === "active" && cloudinit !== "activating") return;
      if (this.#clock.monotonicMs() > endMs)
        throw new Fault(
          "TIMED_OUT",
          `Cannot wait longer for ${name}: its user-data was not applied in ${CONFIGURED_LIMIT_MS / 1000} s; look with \`keelson ssh ${name} ${this.#systemctl().join(" ")} list-jobs\``,
        );
      await this.#clock.sleep(POLL_MS, signal);
    }
  }

  /** Whether a running machine is shutting down, perhaps for somebody who did not wait for it. */
  async isStopping(name: string, signal: AbortSignal): Promise<boolean> {
    const query = [...this.#systemctl(), "show", "--property=SystemState", "--value"];
    try {
      return (await this.#ask(name, query, signal)).trim() === "stopping";
    } catch (error) {
      if (error instanceof Fault && error.code === "MACHINE_NOT_FOUND") return true; // off meanwhile
      throw error;
    }
  }

  /** Waits until a machine that is shutting down is off. @throws {Fault} TIMED_OUT */
  async untilOff(name: string, signal: AbortSignal): Promise<void> {
    const endMs = this.#clock.monotonicMs() + OFF_LIMIT_MS;
    while (await this.#provider.isRunning(name)) {
      if (this.#clock.monotonicMs() > endMs)
        throw new Fault(
          "TIMED_OUT",
          `Cannot wait longer for ${name}: it did not shut down in ${OFF_LIMIT_MS / 1000} s; cut its power with \`keelson halt ${name} --force\``,
        );
      await this.#clock.sleep(POLL_MS, signal);
    }
    await this.#provider.cutPower(name, signal); // the last of its processes, and what the provider noted of it
  }

  async #activeStates(name: string, signal: AbortSignal): Promise<readonly string[]> {
    const units = ["multi-user.target", CLOUDINIT];
    const query = [...this.#systemctl(), "show", "--property=ActiveState", "--value", ...units];
    return (await this.#ask(name, query, signal)).split("\n").filter(Boolean);
  }

  /** What systemctl(1) prints there. @throws {Fault} SYSTEMD_FAILED, MACHINE_NOT_FOUND when it is off */
  async #ask(name: string, query: readonly string[], signal: AbortSignal): Promise<string> {
    const endMs = this.#clock.monotonicMs() + ANSWER_LIMIT_MS;
    for (;;)
      try {
        return (await this.#runIn(name, query, signal)).stdout;
      } catch (error) {
        const isRefusal = error instanceof Fault && error.code === "SYSTEMD_FAILED";
        if (!isRefusal || this.#clock.monotonicMs() > endMs) throw error;
        await this.#clock.sleep(POLL_MS, signal);
      }
  }

  async #configurationFailure(name: string, sinceMs: number, signal: AbortSignal): Promise<Fault> {
    const option = this.#provider.manager === "user" ? "--user-unit" : "--unit";
    const units = [CLOUDINIT, "etcd2.service", "fleet.service"].map((unit) => `${option}=${unit}`);
    const since = `--since=@${Math.floor(sinceMs / 1000)}`;
    const query = ["journalctl", "--no-pager", "--output=cat", since, ...units];
    const { stdout } = await this.#runIn(name, query, signal);
    return new Fault(
      "CLOUD_CONFIG_INVALID",
      `Cannot configure ${name} from its user-data; its journal says:\n${tellingLines(stdout).join("\n")}\nThe machine runs on for a look (\`keelson ssh ${name}\`, \`keelson logs ${name}\`); mend the cause, then \`keelson up ${name}\``,
    );
  }

  #systemctl(): readonly string[] {
    return this.#provider.manager === "user" ? ["systemctl", "--user"] : ["systemctl"];
  }

  async #runIn(name: string, argv: readonly string[], signal: AbortSignal) {
    const [command = "", ...args] = await this.#provider.commandIn(name, argv);
    try {
      return await run(command, args, { signal });
    } catch (cause) {
      signal.throwIfAborted();
      throw new Fault("SYSTEMD_FAILED", `Cannot ask ${name} for its state: ${reasonOf(cause)}`, {
        cause,
      });
    }
  }
}

/** What daemons said as they failed, each once; else the last lines. */
function tellingLines(journal: string): readonly string[] {
  const lines = journal.trim().split("\n");
  const faults = [...new Set(lines.filter((line) => /^[a-z0-9-]+: Cannot /.test(line)))];
  return (faults.length > 0 ? faults : lines.slice(-12)).map((line) => `  ${line}`);
}
