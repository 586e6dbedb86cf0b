import type { Machine } from "#machines/core/machine.ts";
import type { HaltOptions, MachineLogs, Provider, SshAccess } from "#machines/provider.ts";

export interface FakeMachine {
  readonly userData: string | undefined;
  /** The user-data and the machine that it was booted with; undefined while it is off. */
  readonly booted: { readonly userData: string | undefined; readonly machine: Machine } | undefined;
}

/** Machines that are only remembered, for tests of what stands on providers. */
export class FakeProvider implements Provider {
  readonly name = "process";
  readonly manager = "user";
  readonly machines = new Map<string, FakeMachine>();
  /** What was done: `boot core-01`, `halt core-02 leave` … */
  readonly done: string[] = [];
  /** User-data with this text in it cannot be applied. */
  unusable: string | undefined;
  /** Of machines that shut down by themselves: how often they are still seen to run. */
  readonly stopping = new Map<string, number>();
  /** How often it still hangs up on who asks. */
  hangUps = 0;
  /** Runs at the beginning of each step; a test may wait or throw in it. */
  before: (step: string, signal: AbortSignal) => Promise<void> = async () => {};

  async defaultNetwork(): Promise<string> {
    return "127.0.1";
  }

  async hasUserData(name: string): Promise<boolean> {
    return this.#machine(name).userData !== undefined;
  }

  async writeUserData(name: string, text: string): Promise<void> {
    await this.#step(`write ${name}`);
    this.machines.set(name, { ...this.#machine(name), userData: text });
  }

  async check({ name }: Machine): Promise<void> {
    await this.before(`check ${name}`, new AbortController().signal);
  }

  async boot(machine: Machine, signal: AbortSignal): Promise<void> {
    await this.#step(`boot ${machine.name}`, signal);
    const { userData } = this.#machine(machine.name);
    this.machines.set(machine.name, { userData, booted: { userData, machine } });
  }

  async isRunning(name: string): Promise<boolean> {
    const times = this.stopping.get(name);
    if (times !== undefined) this.stopping.set(name, times - 1);
    if (times === 0) {
      this.stopping.delete(name);
      this.#switchOff(name);
    }
    return this.#machine(name).booted !== undefined;
  }

  async halt(name: string, { leave }: HaltOptions, signal: AbortSignal): Promise<void> {
    await this.#step(`halt ${name}${leave ? " leave" : ""}`, signal);
    this.#switchOff(name);
  }

  async cutPower(name: string, signal: AbortSignal): Promise<void> {
    await this.#step(`cut ${name}`, signal);
    this.#switchOff(name);
  }

  async remove(name: string): Promise<void> {
    await this.#step(`remove ${name}`);
    this.machines.delete(name);
  }

  /** Whatever is run there prints how far its boot is, as systemctl(1) does. */
  async commandIn(name: string, argv: readonly string[]): Promise<readonly string[]> {
    if (argv.includes("restart")) this.done.push(`configure ${name}`);
    if (argv[0] === "journalctl") return ["echo", "coreos-cloudinit: Cannot apply that"];
    if (this.hangUps > 0) {
      this.hangUps -= 1;
      return ["false"];
    }
    if (argv.includes("--property=SystemState"))
      return ["echo", this.stopping.has(name) ? "stopping" : "running"];
    await this.before(`ask ${name}`, new AbortController().signal);
    const { unusable } = this;
    const { userData } = this.#machine(name);
    const hasFailed = unusable !== undefined && userData?.includes(unusable) === true;
    return ["printf", hasFailed ? "active\\nfailed\\n" : "active\\nactive\\n"];
  }

  logs(name: string): MachineLogs {
    return { console: `/nowhere/${name}`, journal: `/nowhere/${name}` };
  }

  async sshAccess({ address }: Machine): Promise<SshAccess> {
    return { user: "core", host: address, port: 22, identityFile: "/k", knownHostsFile: "/h" };
  }

  async partition(a: Machine, b: Machine): Promise<void> {
    await this.#step(`partition ${a.name} ${b.name}`);
  }

  async heal(machines: readonly Machine[]): Promise<void> {
    await this.#step(`heal ${machines.map(({ name }) => name).join(" ")}`);
  }

  #machine(name: string): FakeMachine {
    return this.machines.get(name) ?? { userData: undefined, booted: undefined };
  }

  #switchOff(name: string): void {
    const { userData } = this.#machine(name);
    if (userData !== undefined) this.machines.set(name, { userData, booted: undefined });
    else this.machines.delete(name);
  }

  async #step(step: string, signal = new AbortController().signal): Promise<void> {
    await this.before(step, signal);
    signal.throwIfAborted();
    this.done.push(step);
  }
}
